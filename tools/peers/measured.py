"""What every program here shares: reading the task, measuring the work, printing the line."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def told() -> Any:
    return json.load(sys.stdin)


def measured(work: Callable[[], int]) -> None:
    began = time.perf_counter()
    rows = work()
    # of the whole process: what a client imports is a part of what it costs
    spent = time.process_time(), time.perf_counter() - began
    status = Path("/proc/self/status")
    peak = 0.0
    if status.exists():
        line = next(row for row in status.read_text().splitlines() if row.startswith("VmHWM"))
        peak = int(line.split()[1]) / 1024
    print(json.dumps({"rows": rows, "cpu_s": spent[0], "wall_s": spent[1], "peak_mb": peak}))
