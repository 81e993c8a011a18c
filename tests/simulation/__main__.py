"""`make simulate`: many seeds, or one replayed. The last line is JSON."""

from __future__ import annotations

import argparse
import json
import logging
import multiprocessing
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from unittest.mock import patch

from tests.simulation import endings, oracles
from tests.simulation.fates import FAULTS, STOPS
from tests.simulation.shrink import shortest
from tests.simulation.stage import Stage, Step, steps_of

_TOLD_EVERY = 100
ALL_FROM = 200
"""From so many seeds on, each fault and each stop must have struck."""


@dataclass
class Verdict:
    """How one seed ended. `lines` tell each step that was played."""

    seed: int
    violations: list[str]
    digest: str
    real: bool
    lines: list[str] = field(default_factory=list)
    fired: Counter[str] = field(default_factory=Counter)
    steps: int = 0
    runs: int = 0
    cpu_s: float = 0.0

    @property
    def by(self) -> str | None:
        """The oracle that spoke first."""
        return self.violations[0].split()[0] if self.violations else None


def play(seed: int, steps: Sequence[Step] | None = None) -> Verdict:
    """Play one seed's story (or some of its steps) to its end and judge it."""
    # What goes to nobody's log would go to stderr.
    logging.getLogger("connector").addHandler(logging.NullHandler())
    began = time.process_time()
    # Keys decide in which order an index by keyed hashes gives its rows.
    keys = patch("os.urandom", Random(f"keys {seed}").randbytes)
    with keys, tempfile.TemporaryDirectory(prefix="simulate-") as folder:
        stage = Stage(seed, Path(folder))
        try:
            try:
                told = steps_of(seed) if steps is None else steps
                violations = stage.play(told, oracles.during)
                if not violations:
                    stage.drain()
                    violations = [*endings.at_the_end(stage), *endings.is_silent(stage)]
            except Exception:
                last = traceback.format_exc().splitlines()
                violations = ["it crashed:", *last[-3:]]
            return Verdict(
                seed,
                violations,
                endings.digest(stage),
                stage.real,
                stage.lines,
                stage.fired,
                stage.steps,
                stage.runs,
                time.process_time() - began,
            )
        finally:
            stage.close()


def tell_shortest(bad: Verdict) -> None:
    """Print the fewest steps of a seed that the same oracle still objects to."""

    def fails(steps: Sequence[Step]) -> bool:
        return play(bad.seed, steps).by == bad.by

    kept = shortest(steps_of(bad.seed)[: max(bad.steps, 1)], fails)
    verdict = play(bad.seed, kept)
    numbers = ",".join(str(step.number) for step in kept)
    print(f"shortest story found of seed {bad.seed}:", file=sys.stderr)
    for line in (*verdict.lines, *verdict.violations):
        print(f"  {line}", file=sys.stderr)
    print(f"replay it: make simulate SEED={bad.seed} ONLY={numbers}", file=sys.stderr)
    print(f"replay the whole seed: make simulate SEED={bad.seed}", file=sys.stderr)


def main() -> int:
    parser = argparse.ArgumentParser(prog="simulate")
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--start", type=int, default=1)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--only", help="of --seed: the numbers of the steps to play, by commas")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--first", action="store_true", help="end at the first violation")
    parser.add_argument("--journal", type=Path, help="keep verdicts here; those there count")
    chosen = parser.parse_args()
    logging.getLogger().addHandler(logging.NullHandler())  # a thousand pauses are no news here
    began = time.monotonic()
    if chosen.seed is not None:
        verdicts = [play(chosen.seed, _only(chosen.seed, chosen.only))]
        for line in verdicts[0].lines:
            print(line, file=sys.stderr)
    else:
        seeds = range(chosen.start, chosen.start + chosen.seeds)
        verdicts = list(_kept(chosen.journal, seeds))
        left = sorted({*seeds} - {one.seed for one in verdicts})
        with multiprocessing.Pool(chosen.processes) as pool:
            for verdict in _keeping(chosen.journal, pool.imap(play, left)):
                verdicts.append(verdict)
                if chosen.first and verdict.violations:
                    break
                if len(verdicts) % _TOLD_EVERY == 0:
                    bad_ones = sum(bool(one.violations) for one in verdicts)
                    print(f"{len(verdicts)} seeds, {bad_ones} violations …", file=sys.stderr)
        verdicts.sort(key=lambda one: one.seed)
    fired: Counter[str] = Counter()
    for verdict in verdicts:
        fired.update(verdict.fired)
    never = _tell(fired, chosen.seed is None)
    bad = [v for v in verdicts if v.violations]
    for verdict in bad[:5]:
        print(f"seed {verdict.seed}:", file=sys.stderr)
        for sentence in verdict.violations[:6]:
            print(f"  {sentence}", file=sys.stderr)
    if bad and not chosen.first and chosen.only is None:
        tell_shortest(bad[0])
    hole = bool(never) and len(verdicts) >= ALL_FROM
    if hole:
        print(f"never struck: {', '.join(never)}", file=sys.stderr)
    print(
        json.dumps(
            {
                "seeds": len(verdicts),
                "on_plugins": sum(v.real for v in verdicts),
                "violations": len(bad),
                "failed_seeds": [v.seed for v in bad][:20],
                "by": bad[0].by if bad else None,
                "steps": sum(v.steps for v in verdicts),
                "runs": sum(v.runs for v in verdicts),
                "faults": sum(n for name, n in fired.items() if name.startswith("fault")),
                "stops": sum(n for name, n in fired.items() if name.startswith("stop")),
                "never": never if len(verdicts) >= ALL_FROM else None,
                "digest": verdicts[0].digest if len(verdicts) == 1 else None,
                "cpu_s": round(sum(v.cpu_s for v in verdicts), 1),
                "seconds": round(time.monotonic() - began, 1),
            }
        )
    )
    return 1 if bad or hole else 0


def _kept(journal: Path | None, seeds: range) -> Iterator[Verdict]:
    """Verdicts that an earlier call, broken off, left behind; a line cut in half is none."""
    if journal is None or not journal.exists():
        return
    for line in journal.read_text(encoding="utf-8").splitlines(keepends=True):
        if line.endswith("\n"):
            told = json.loads(line)
            if told["seed"] in seeds:
                yield Verdict(**{**told, "fired": Counter(told["fired"])})


def _keeping(journal: Path | None, verdicts: Iterable[Verdict]) -> Iterator[Verdict]:
    """The same, each noted before the next."""
    if journal is None:
        yield from verdicts
        return
    with journal.open("a", encoding="utf-8") as file:
        for verdict in verdicts:
            file.write(json.dumps(vars(verdict)) + "\n")
            file.flush()
            yield verdict


def _only(seed: int, numbers: str | None) -> list[Step] | None:
    if numbers is None:
        return None
    wanted = {int(number) for number in numbers.split(",")}
    return [step for step in steps_of(seed) if step.number in wanted]


def _tell(fired: Counter[str], whole: bool) -> list[str]:
    """Print how often each thing struck; returns what never did, of all that can."""
    every = {*FAULTS, *(f"stop {point}" for point in STOPS)}
    for name in sorted(fired.keys() | every if whole else fired.keys()):
        print(f"{fired[name]:7}  {name}", file=sys.stderr)
    return sorted(name for name in every if not fired[name])


if __name__ == "__main__":
    sys.exit(main())
