"""A mapping file is checked whole, and its faults say where and what to write instead."""

from pathlib import Path

import pytest

from connector.errors import MappingError
from connector.mapping.load import load_local, load_vendor, packaged
from connector.mapping.schema import OnGone
from connector.records import Kind, may_leave

VENDOR = """\
kind: customer
object: People
external_key: Key
match: [emails.primary]
reference: none
on_gone: {push: propagate, pull: ignore}
fields:
  names.family: {field: Last, lens: text, policy: local}
  names.given: {field: First, lens: text, policy: local}
  emails.primary: {field: Mail, lens: email, vendor_normalises: true}
  gender: {field: Sex, lens: {choice: {male: M, else: refuse}}, direction: push}
  consent.marketing.email: {field: Opt_Out, lens: {flag: {true: withdrawn, false: unknown}}}
  last_contact_at: {field: Seen, lens: datetime, policy: newest, time: Seen_At}
  constant.name: {field: Name, lens: {constant: 会员}}
"""


def vendor(tmp_path: Path, text: str) -> list[str]:
    """The faults of a vendor mapping."""
    path = tmp_path / "customer.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(MappingError) as caught:
        load_vendor(path)
    assert caught.value.exit_code == 3
    return [fault.removeprefix(f"{tmp_path}/") for fault in caught.value.faults] or [
        caught.value.sentence.removeprefix(f"{tmp_path}/")
    ]


def test_a_vendor_mapping_is_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "customer.yaml"
    path.write_text(VENDOR, encoding="utf-8")
    mapping = load_vendor(path)
    assert (mapping.kind, mapping.object, mapping.external_key) == (Kind.CUSTOMER, "People", "Key")
    assert (mapping.match, mapping.reference) == (("emails.primary",), "none")
    assert mapping.on_gone == OnGone(push="propagate", pull="ignore")
    rules = {rule.canonical: rule for rule in mapping.rules}
    assert rules["emails.primary"].vendor_normalises
    assert rules["emails.primary"].policy == "manual"
    assert (rules["gender"].direction, rules["gender"].line) == ("push", 11)
    assert rules["names.family"].group == "name"
    assert rules["last_contact_at"].time == "Seen_At"
    assert rules["constant.name"].direction == "push"


def test_on_gone_and_reference_have_defaults(tmp_path: Path) -> None:
    path = tmp_path / "customer.yaml"
    path.write_text("kind: customer\nobject: P\nfields:\n  source: {field: S, lens: text}\n")
    mapping = load_vendor(path)
    assert (mapping.on_gone.push, mapping.on_gone.pull) == ("archive", "manual")
    assert (mapping.reference, mapping.external_key, mapping.match) == ("none", None, ())


@pytest.mark.parametrize(
    ("line", "where", "says"),
    [
        ("shoe_size: {field: A, lens: text}", 5, "no field `shoe_size`"),
        ("source: {field: A, lens: texts}", 5, "`lens` of `source` must be"),
        ("source: {field: A, lens: {text: {trim: 1}}}", 5, "no option `trim`"),
        ("source: {field: A}", 5, "`lens` of `source` must be"),
        ("source: {lens: text}", 5, "`field` must be a name."),
        ("source: {field: No, lens: text}", 5, "put it in quotes"),
        ("source: {column: A, lens: text}", 5, "no key `column`"),
        ("source: {field: A, lens: text, direction: up}", 5, "one of both, push, pull"),
        ("source: {field: A, lens: text, policy: mine}", 5, "`policy` must be one of"),
        ("source: {field: A, lens: text, policy: newest}", 5, "`newest` needs `time`"),
        ("source: {field: A, lens: text, policy: max}", 5, "`max` cannot judge a text"),
        ("source: {field: A, lens: text, type: blob}", 5, "`type` must be one of"),
        ("source: {field: A, lens: text, vendor_normalises: 3}", 5, "must be true or false"),
        ("source: {field: A, lens: integer}", 5, "takes the lens"),
        ("source: {field: A, lens: text, group: segment}", 5, "cannot be a group"),
        ("source: {field: A, lookup: {table: t}, lens: text}", 5, "has no key `lookup`"),
        ("source: {sum: {table: t}, lens: text}", 5, "has no key `sum`"),
        ("gender: {field: A, lens: {choice: {male: M}}}", 5, "lacks female, unknown"),
        ("source: {field: A, lens: {choice: {web: W}}}", 5, "add `else: refuse`"),
        ("gender: {field: A, lens: {choice: {man: M, else: refuse}}}", 5, "not a canonical value"),
        ("do_not_contact: {field: A, lens: {flag: {true: 3, false: 4}}}", 5, "true or false"),
        ("consent.marketing.sms: {field: A, lens: flag}", 5, "needs a table"),
        ("consent.marketing.sms: {field: A, lens: {flag: {true: withdrawn}}}", 5, "two lines"),
        ("birth_date: {field: A, lens: {date: {format: 3}}}", 5, "`format` of a date"),
        ("created_at: {field: A, lens: {datetime: {zone: Moon}}}", 5, "`zone` of a datetime"),
        ("phones.home: {field: A, lens: {phone: {region: china}}}", 5, "`region` of a phone"),
        ("tags: {field: A, lens: {tags: {separator: ''}}}", 5, "`separator` of a tags"),
        ("constant.x: {field: A, lens: text}", 5, "takes the lens constant"),
        ("constant.x: {field: A, lens: {constant: 1}, direction: pull}", 5, "to the vendor only"),
        ("constant.x: {field: A, lens: constant}", 5, "needs its value"),
        ("yes: {field: A, lens: text}", 5, "has no field `True`"),
        ("source: 3", 5, "must be such as"),
        ("source: {field: A, lens: {text: 3}}", 5, "options of the lens `text` must be a table"),
        ("source: {field: A, lens: {text: {none: null}}}", 5, "`none` needs the own value"),
    ],
)
def test_a_wrong_line_is_a_fault_with_its_place(
    tmp_path: Path, line: str, where: int, says: str
) -> None:
    faults = vendor(tmp_path, f"kind: customer\nobject: P\n\nfields:\n  {line}\n")
    assert all(fault.startswith(f"customer.yaml:{where}: ") for fault in faults)
    assert any(says in fault for fault in faults), faults


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("kind: customer", "kind: client", "`kind` must be one of customer, membership, feedback"),
        ("object: People", "thing: People", "a mapping has no key `thing`"),
        ("match: [emails.primary]", "match: [phones.work]", "`match` names `phones.work`"),
        ("match: [emails.primary]", "match: emails.primary", "`match` must be a list"),
        ("reference: none", "reference: maybe", "`reference` must be one of"),
        ("on_gone: {push: propagate, pull: ignore}", "on_gone: archive", "`on_gone` must be"),
        ("pull: ignore", "pull: erase", "`pull` must be one of propagate, archive"),
        ("pull: ignore", "back: ignore", "`on_gone` has no key `back`"),
        ("field: First", "field: Last", "`Last` is written by `names.family` too (line 8)"),
        ("First, lens: text, policy: local", "First, lens: text", "its `policy` differs"),
    ],
)
def test_a_wrong_head_or_clash_is_a_fault(tmp_path: Path, old: str, new: str, says: str) -> None:
    assert old in VENDOR
    faults = vendor(tmp_path, VENDOR.replace(old, new))
    assert any(says in fault for fault in faults), faults


def test_all_faults_are_listed_at_once(tmp_path: Path) -> None:
    text = VENDOR.replace("lens: email", "lens: mail").replace("policy: newest", "policy: best")
    faults = vendor(tmp_path, text.replace("Sex", "Last"))
    assert [fault.split(":")[1] for fault in faults] == ["4", "10", "11", "13"]


@pytest.mark.parametrize(
    ("lens", "says"),
    [
        ("reference", "needs `kind`"),
        ("{reference: {kind: customer, as: text}}", "must be object or id"),
    ],
)
def test_a_reference_needs_its_kind_and_a_known_form(tmp_path: Path, lens: str, says: str) -> None:
    line = f"  customer: {{field: C, lens: {lens}}}"
    [fault] = vendor(tmp_path, f"kind: feedback\nobject: P\nfields:\n{line}\n")
    assert says in fault


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("kind: &a customer\n", "anchors and aliases"),
        ("kind: !!python/name:os.system x\n", "tags"),
        ("kind: customer\nkind: feedback\n", ":2: this key stands twice"),
        ("kind: customer\n? [a]\n: b\n", ":2: a key must be text"),
        ("kind: customer\n1.5: b\n", ":2: a key must be text"),
        ("kind: customer\n---\nkind: customer\n", "second document"),
        ("- kind\n", "must be one table"),
        ("kind: customer\nobject: P\nfields: 3\n", "must be a table of canonical fields"),
        ("kind: " + "[" * 30 + "]" * 30 + "\n", "nests deeper"),
        ("kind: customer\nobject: 'secret-value\n", "this is not YAML"),
        ("kind: customer\nobject: secret-value: x\n", ":2: this is not YAML"),
        ("kind: customer\nobject: secret-value \x07\n", ":2: this is not YAML"),
        ("a: " + "x" * 300_000, "larger than 256 KiB"),
    ],
)
def test_yaml_is_read_strictly_and_never_quoted(tmp_path: Path, text: str, says: str) -> None:
    faults = vendor(tmp_path, text)
    assert any(says in fault for fault in faults), faults
    assert not any("secret-value" in fault for fault in faults)


def test_a_file_that_is_not_utf8_or_not_there_is_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    with pytest.raises(MappingError, match="cannot be read"):
        load_local(path)
    path.write_bytes("kind: customer\n# 中文".encode("gb18030"))
    with pytest.raises(MappingError, match=r"a\.yaml:2: the file is not UTF-8"):
        load_local(path)


def test_plain_scalars_may_be_own_values_in_a_table(tmp_path: Path) -> None:
    path = tmp_path / "customer.yaml"
    path.write_text(
        "kind: customer\nfields:\n"
        "  gender: {column: sex, lens: {choice: {male: 1, female: 2, unknown: 0}}}\n"
        "  do_not_contact: {column: dnc, lens: {choice: {true: Y, false: N}}}\n"
        "  consent.marketing.sms: {column: sms, lens: {flag: {1: granted, 0: withdrawn}}}\n"
    )
    assert [rule.own for rule in load_local(path).rules] == ["sex", "dnc", "sms"]


def test_a_local_file_has_columns_and_no_constants(tmp_path: Path) -> None:
    path = tmp_path / "customer.yaml"
    path.write_text(
        "kind: customer\nobject: x\nfields:\n"
        "  source: {field: s, lens: text}\n"
        "  constant.x: {column: c, lens: {constant: 1}}\n"
    )
    with pytest.raises(MappingError) as caught:
        load_local(path)
    assert [fault.split(":")[1] for fault in caught.value.faults] == ["2", "4", "4", "5"]


def test_two_local_fields_may_read_a_column_but_not_write_it(tmp_path: Path) -> None:
    path = tmp_path / "customer.yaml"
    text = (
        "kind: customer\nfields:\n"
        "  source: {column: s, lens: text}\n"
        "  segment: {column: s, lens: text, direction: DIRECTION}\n"
    )
    path.write_text(text.replace("DIRECTION", "push"))
    assert len(load_local(path).rules) == 2
    path.write_text(text.replace("DIRECTION", "pull"))
    with pytest.raises(MappingError, match="give one of them `direction: push`"):
        load_local(path)


def test_a_sum_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "membership.yaml"
    line = "points: {sum: {table: t, column: c, key: k}, lens: integer, direction: both}"
    path.write_text(f"kind: membership\nfields:\n  {line}\n")
    with pytest.raises(MappingError, match="a `sum` is only read; write direction: push"):
        load_local(path)


@pytest.mark.parametrize("kind", list(Kind))
def test_the_packaged_mappings_load_and_may_leave(kind: Kind) -> None:
    mapping = load_vendor(packaged("zoho") / f"{kind}.yaml")
    assert mapping.kind is kind
    assert mapping.external_key == "Connector_Key"
    assert all(may_leave(kind, rule.canonical) for rule in mapping.rules)
    assert {rule.canonical for rule in mapping.rules} >= set(mapping.match)


def test_a_plugin_without_packaged_mappings_is_an_error_that_says_so() -> None:
    for name in ("nobody", "../zoho", ""):
        with pytest.raises(MappingError, match="No mappings are packaged"):
            packaged(name)


def test_a_plugin_of_its_own_distribution_brings_its_mappings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    example = Path(__file__).resolve().parents[2] / "examples" / "plugin"
    known = tmp_path / "example-1.dist-info"
    known.mkdir()
    (known / "METADATA").write_text("Name: example\nVersion: 1\n", encoding="utf-8")
    points = (
        "[crm_connector.plugins]\n"
        "ledgerly = connector_ledgerly:plugin\n"
        "bare = connector_ledgerly:LedgerlySettings\n"
        "zoho = connector_ledgerly:plugin\n"
    )
    (known / "entry_points.txt").write_text(points, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.syspath_prepend(example)
    folder = packaged("ledgerly")
    assert folder == example / "connector_ledgerly" / "mappings"
    assert {load_vendor(folder / f"{kind}.yaml").kind for kind in Kind} == set(Kind)
    with pytest.raises(MappingError, match="No mappings are packaged"):
        packaged("bare")
    assert packaged("zoho").parent.name == "connector_mappings", "nobody takes the place of ours"
