"""The report that a customer can be shown: one HTML file with numbers and charts, no values.

It needs no network and runs no script. Headings are in English and Chinese.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from connector.migrating.drawing import bars, pace
from connector.migrating.kept import Kept, Proof, RunKept, ScopePlan

Scope = tuple[str, str]
"""Connection and kind."""

_STYLE = """
body { font: 15px/1.45 "Noto Sans", "Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei",
  sans-serif; margin: 2em auto; max-width: 46em; color: #111; }
h1 { font-size: 1.6em; } h2 { font-size: 1.15em; margin-top: 1.8em; }
table { border-collapse: collapse; width: 100%; }
th, td { border-bottom: 1px solid #bbb; padding: .25em .5em; text-align: right; }
th:first-child, td:first-child { text-align: left; }
td.words { text-align: left; }
svg { width: 100%; } svg rect { fill: #2b5d8a; } svg line { stroke: #111; }
svg text { font-size: 13px; }
p.word { border: 2px solid #111; padding: .5em .8em; font-weight: bold; }
@media print { body { margin: 0; max-width: none; } h2, table, svg { break-inside: avoid; } }
"""


@dataclass(frozen=True, slots=True)
class Told:
    """All that a report tells. `refused`: why records did not go, by code; `steps`: when how many
    were written."""

    kept: Kept
    done: Mapping[Scope, Mapping[str, int]]
    refused: Mapping[Scope, Counter[str]]
    steps: Sequence[tuple[int, int]]
    step_us: int
    at: str


def page(told: Told) -> str:
    """The whole file."""
    kept = told.kept
    title = f"Migration 数据迁移: {kept.start} → {kept.end}"
    body = [
        f"<h1>{escape(title)}</h1>",
        f"<p>{escape(told.at)}</p>",
        _word(kept),
        *_records(told),
        *_plan(kept.plan.scopes),
        *_limits(kept),
        *_time(told),
        *_proof(kept.proof),
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"/>'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>\n"
        f"<body>{''.join(body)}</body></html>\n"
    )


def _word(kept: Kept) -> str:
    if kept.proof is None:
        return '<p class="word">Not verified yet 尚未核对</p>'
    if kept.proof.good:
        return '<p class="word">Verified: both sides agree 核对通过：两侧一致</p>'
    return '<p class="word">Verified: the sides do not agree 核对未通过：存在差异</p>'


def _records(told: Told) -> Iterable[str]:
    yield _heading("Records", "记录")
    made = []
    for one in told.kept.plan.scopes:
        done = told.done.get((one.connection, one.kind), {})
        here = f"{one.connection}/{one.kind}"
        refused = sum(told.refused.get((one.connection, one.kind), Counter()).values())
        made.append((here, done, refused))
    yield _table(
        ["", "Created 新建", "Updated 更新", "Joined 匹配", "Refused 拒绝"],
        [
            [here, done.get("created", 0), done.get("updated", 0), done.get("joined", 0), refused]
            for here, done, refused in made
        ],
    )
    yield bars("Created 新建", [(here, done.get("created", 0)) for here, done, _ in made])
    joined = [(here, done.get("joined", 0)) for here, done, _ in made if done.get("joined")]
    if joined:
        yield _small("Joined with records that were there", "与已有记录匹配")
        yield bars("Joined 匹配", joined)
    why: Counter[str] = Counter()
    for some in told.refused.values():
        why.update(some)
    if why:
        yield _heading("Why refused", "拒绝原因")
        yield bars("Why refused 拒绝原因", why.most_common())


def _plan(scopes: Sequence[ScopePlan]) -> Iterable[str]:
    yield _heading("Plan", "计划")
    yield _table(
        [
            "",
            "Source 源记录",
            "Create 新建",
            "Update 更新",
            "Adopt 匹配",
            "Conflict 冲突",
            "Refuse 拒绝",
            "Wait 等待",
            "Left 留给同步",
        ],
        [
            [
                f"{one.connection}/{one.kind}",
                one.records,
                one.create,
                one.update,
                one.adopt,
                one.conflict,
                sum(one.refuse.values()) + one.unreadable,
                one.wait,
                one.left,
            ]
            for one in scopes
        ],
    )


def _limits(kept: Kept) -> Iterable[str]:
    ways = [(one, way) for one in kept.plan.scopes for way in one.ways if way.name == one.way]
    if ways:
        yield _heading("Vendor limits: reckoned", "供应商限额：预估")
        yield _table(
            ["", "Way 方式", "Calls 调用", "Cost 消耗", "Hours 小时"],
            [
                [
                    f"{one.connection}/{one.kind}",
                    way.name,
                    way.calls,
                    f"{way.cost:,} {way.unit}",
                    way.hours,
                ]
                for one, way in ways
            ],
        )
        facts = dict.fromkeys(fact for _, way in ways for fact in map(tuple, way.facts))
        yield "<ul>" + "".join(f"<li>{escape(t)} ({escape(s)})</li>" for t, s in facts) + "</ul>"
    spent: dict[str, tuple[int, int]] = {}
    for run in kept.runs:
        for name, (calls, cost) in run.spent.items():
            before = spent.get(name, (0, 0))
            spent[name] = before[0] + calls, before[1] + cost
    if spent:
        yield _heading("Vendor limits: used", "供应商限额：实际")
        yield _table(
            ["", "Calls 调用", "Cost 消耗"], [[name, *both] for name, both in spent.items()]
        )


def _time(told: Told) -> Iterable[str]:
    yield _heading("Time", "时间")
    yield _table(
        ["Run 运行", "Began 开始", "Ended 结束", "Exit 状态"],
        [
            [number, run.began, run.ended or "killed 中断", _exit(run)]
            for number, run in enumerate(told.kept.runs, 1)
        ],
    )
    yield _small(
        f"Records written in each {told.step_us // 1_000_000} s",
        f"每 {told.step_us // 1_000_000} 秒写入的记录",
    )
    yield pace("Pace 进度", told.steps, told.step_us)


def _exit(run: RunKept) -> str:
    return "" if run.exit is None else str(run.exit)


def _proof(proof: Proof | None) -> Iterable[str]:
    if proof is None:
        return
    yield _heading("Verified", "核对")
    yield f"<p>{escape(proof.at)}</p>"
    yield _table(
        [
            "",
            "Source 源",
            "Migrated 已迁移",
            "Target 目标",
            "Missing 缺失",
            "Set aside 搁置",
            "Unexplained 不明",
            "Sampled 抽样",
            "Fields 字段",
            "Differ 差异",
            "At most 上限",
        ],
        [
            [
                f"{one.connection}/{one.kind}",
                one.records,
                one.migrated,
                one.target,
                one.missing,
                one.set_aside,
                one.unexplained,
                one.sampled,
                one.compared,
                one.differing,
                f"{one.most:.2%}",
            ]
            for one in proof.scopes
        ],
    )
    yield _small(
        "At most: with 95 % confidence no greater share of all migrated records differs.",
        "上限：在 95% 置信度下，全部已迁移记录中存在差异的比例不超过此值。",
    )
    fields = Counter(name for one in proof.differences for name in one.fields)
    if fields:
        shown = [("not on both sides 单侧缺失" if n == "*" else n, k) for n, k in fields.items()]
        yield bars("Fields that differ 差异字段", shown)


# --- pieces ---------------------------------------------------------------------------------------


def _heading(english: str, chinese: str) -> str:
    return f"<h2>{escape(english)} {escape(chinese)}</h2>"


def _small(english: str, chinese: str) -> str:
    return f"<p>{escape(english)} {escape(chinese)}</p>"


def _table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    head = "".join(f"<th>{escape(one)}</th>" for one in heads)
    lines = "".join("<tr>" + "".join(map(_cell, row)) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>"


def _cell(value: object) -> str:
    said = f"{value:,}" if isinstance(value, int) else str(value)
    return f"<td>{escape(said)}</td>"
