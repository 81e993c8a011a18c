"""`init`: look at a database, and write settings and local mappings for it."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import click

from connector.commands import output
from connector.commands.group import json_option
from connector.commands.invocation import Invocation
from connector.errors import UsageError
from connector.plugin import Kind
from connector.proposing.facts import Database
from connector.proposing.found import Table
from connector.proposing.proposal import KindProposal
from connector.proposing.propose import Chosen, choose, propose, questions, settle
from connector.proposing.write import Gap, gaps, mapping_file, settings_file

NONE = "none"

_Function = TypeVar("_Function", bound=Callable[..., Any])


def _table_option(kind: str) -> Callable[[_Function], _Function]:
    said = f"The table of {kind}s, or `none`; proposed if left out."
    return click.option(f"--{kind}", metavar="TABLE", help=said)


@click.command()
@click.option("--url", help="The shop's database, such as sqlite:///shop.db, counted from --dir.")
@click.option("--dir", "folder", default=".", show_default=True, help="Where to write the files.")
@click.option("--tenant", help="A short name of the shop: a-z, 0-9 and -.")
@_table_option("customer")
@_table_option("membership")
@_table_option("feedback")
@click.option("--yes", is_flag=True, help="Ask nothing, take what is proposed.")
@json_option
@click.pass_obj
def init(
    invocation: Invocation,
    url: str | None,
    folder: str,
    tenant: str | None,
    customer: str | None,
    membership: str | None,
    feedback: str | None,
    yes: bool,
) -> None:
    """Inspect a database and write connector.toml and mappings/local/*.yaml beside it.

    Tables and columns are recognised by names, types and samples. Values are described in
    comments, never copied; columns of passwords and the like are not read. What could not be
    decided is marked DECIDE. No file is overwritten.
    """
    asking = not yes and not invocation.as_json and sys.stdin.isatty() and sys.stderr.isatty()
    place = Path(folder)
    if url is None:
        url = _ask("The shop's database", "sqlite:///shop.db") if asking else "sqlite:///shop.db"
    tenant = _tenant(tenant, place, asking)
    with Database(_absolute(url, place)) as database:
        tables = {table.name: table for table in database.tables()}
        given = {
            Kind.CUSTOMER: customer,
            Kind.MEMBERSHIP: membership,
            Kind.FEEDBACK: feedback,
        }
        chosen = _chosen(database, tables, given, asking)
        kinds = _propose(database, list(tables.values()), chosen)
        refused = list(database.refused)
    if not kinds:
        raise UsageError(
            "No table of this database was recognised.",
            hint="Name one with --customer; there are: " + (", ".join(tables) or "none") + ".",
        )
    files = _files(tenant, url, kinds, refused)
    _write(place, files)
    _print(invocation, kinds, [str(place / name) for name in files], gaps(files))


def _ask(question: str, default: str) -> str:
    answer: str = click.prompt(question, default=default, err=True)
    return answer


def _tenant(given: str | None, place: Path, asking: bool) -> str:
    bare = re.sub(r"[^a-z0-9]+", "-", place.resolve().name.casefold()).strip("-")[:40] or "shop"
    tenant = given or (_ask("A short name of the shop", bare) if asking else bare)
    if not re.fullmatch(r"[a-z0-9-]{1,40}", tenant):
        raise UsageError("--tenant may hold only a-z, 0-9 and -, at most 40 of them.")
    return tenant


def _absolute(url: str, place: Path) -> str:
    if url.startswith("sqlite:///") and not url.startswith("sqlite:////"):
        return f"sqlite:///{(place / url.removeprefix('sqlite:///')).resolve()}"
    return url


def _chosen(
    database: Database,
    tables: dict[str, Table],
    given: Mapping[Kind, str | None],
    asking: bool,
) -> Chosen:
    """The tables to use. One that is named and was not listed, such as a view, joins `tables`."""
    proposed = choose(list(tables.values()))
    found: Chosen = {}
    for kind, name in given.items():
        default = proposed[kind][0].name if kind in proposed else NONE
        if name is None and asking:
            name = _ask(f"The table of {kind}s (or `{NONE}`)", default)
        elif name is None:
            name = default
        if name == NONE:
            continue
        table = tables.get(name) or database.table(name)
        if table is None:
            raise UsageError(
                f"--{kind}: the database has no such table.",
                hint=f"There are: {', '.join(tables) or NONE}.",
            )
        if "." in name and name not in tables:
            # What names its ids, and its ledgers, lies beside it.
            beside = database.tables(name.rpartition(".")[0])
            tables |= {one.name: one for one in beside if one.name not in tables}
        table = tables.setdefault(name, table)
        found[kind] = (table, proposed[kind][1] if kind in proposed and name == default else ())
    feedback = found.get(Kind.FEEDBACK)
    for kind in (Kind.CUSTOMER, Kind.MEMBERSHIP):
        if feedback is not None and kind in found and found[kind][0] is feedback[0]:
            raise UsageError(f"--feedback: that table is proposed for {kind}s already.")
    return found


def _propose(database: Database, tables: Sequence[Table], chosen: Chosen) -> list[KindProposal]:
    """Ask the database what the proposals depend on, kind by kind: customers come first."""
    found: dict[Kind, KindProposal] = {}
    for kind, (table, others) in chosen.items():
        customers = found.get(Kind.CUSTOMER)
        asks = questions(kind, table, tables, customers)
        answers = {ask: database.pointing(ask) for ask in asks}
        one = propose(kind, table, others, tables=tables, customers=customers, answers=answers)
        if one.mapped:
            found[kind] = one
    settle(list(found.values()))
    return list(found.values())


def _files(
    tenant: str, url: str, kinds: Sequence[KindProposal], refused: Sequence[str]
) -> dict[str, str]:
    from connector import registry

    chinese = any(
        (column.look is not None and column.look.best == "cn_mobile")
        or not (one.table.name + column.name + column.said).isascii()
        for one in kinds
        for column in one.table.columns.values()
    )
    plugins = {name: registry.load(name).settings for name in registry.names()}
    toml = settings_file(
        tenant=tenant, url=url, kinds=kinds, chinese=chinese, plugins=plugins, refused=refused
    )
    return {
        "connector.toml": toml,
        **{f"mappings/local/{one.kind}.yaml": mapping_file(one) for one in kinds},
    }


def _write(place: Path, files: Mapping[str, str]) -> None:
    there = [name for name in files if (place / name).exists()]
    if there:
        raise UsageError(
            f"These files are there already and are never overwritten: {', '.join(there)}.",
            hint="Move them away, or write elsewhere with --dir.",
        )
    begun: list[Path] = []
    try:
        for name, text in files.items():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            with (place / name).open("x", encoding="utf-8") as file:
                begun.append(place / name)
                file.write(text)
    except OSError as error:
        for half in begun:
            half.unlink(missing_ok=True)
        said = f"The files cannot be written ({type(error).__name__})."
        raise UsageError(said, hint="Name a folder of yours with --dir.") from None


def _print(
    invocation: Invocation, kinds: Sequence[KindProposal], files: list[str], open_: list[Gap]
) -> None:
    summary = [
        {
            "kind": str(one.kind),
            "table": one.table.name,
            "mapped": len(one.mapped),
            "to_decide": sum(gap.file.endswith(f"/{one.kind}.yaml") for gap in open_),
        }
        for one in kinds
    ]
    if invocation.as_json:
        said = [asdict(gap) for gap in open_]
        output.document({"files": files, "kinds": summary, "gaps": said})
        return
    output.table(
        ["kind", "table", "columns mapped", "to decide"], [list(s.values()) for s in summary]
    )
    output.show(*(f"written: {name}" for name in files))
    output.show(*(f"to decide: {gap.file}:{gap.line}: {gap.sentence}" for gap in open_))
    output.say(
        "  → Decide these in the files, where they are marked DECIDE; then run"
        " `crm-connector keys init`, `crm-connector doctor` and `crm-connector local install`."
    )
