"""A running sandbox in a process of its own, with the hands of its administrator."""

from __future__ import annotations

import http.client
import importlib.util
import json
import os
import subprocess
import sys
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self

import orjson

from connector.errors import UnreachableError, UsageError
from connector.http.limits import parse_rate
from connector.plugin import Fields, Ref

SEED_CHUNK = 20_000
"""Records in one call of `seed`."""


class SandboxProcess(ABC):
    """Implements `connector.plugin.SandboxHandle`. Safe to use from several threads."""

    module: ClassVar[str]
    """What `python -m` runs: it takes --port, --rate and --until-eof."""
    noun: ClassVar[str]
    """The vendor's word for an object; see `connector.sandbox.app.App`."""

    def __init__(self, port: int = 0, *, rate: str | None = None) -> None:
        if importlib.util.find_spec("uvicorn") is None:
            raise UsageError(
                "The sandbox needs a web server.", hint="Install crm-connector[sandbox]."
            )
        # -P: the folder we happen to be in must not hide a package of ours
        command = [sys.executable, "-P", "-m", self.module, "--port", str(port), "--until-eof"]
        if rate is not None:
            parse_rate(rate)
            command += ["--rate", rate]
        # the child finds the same packages, even where they are on the path by hand
        env = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(path or str(Path.cwd()) for path in sys.path),
        }
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self.close()
            raise UnreachableError("The sandbox did not start.", hint="See its output above.")
        told = json.loads(line)
        self._port: int = told["port"]
        self._url: str = told["url"]
        self._lock = threading.Lock()
        self._line = http.client.HTTPConnection("127.0.0.1", self._port, timeout=120)

    @property
    def url(self) -> str:
        return self._url

    @property
    @abstractmethod
    def settings(self) -> Mapping[str, Any]:
        """The `[connections.NAME]` table that reaches it, its secrets as plain values."""

    @abstractmethod
    def remove(self, object: str, ref: Ref) -> None:
        """Take a record away as a person in the CRM would: it can be brought back."""

    def admin(self, action: str, **asked: Any) -> Any:
        """Do one of the administrator's actions. Raises UsageError."""
        with self._lock:
            status, told = self._tell(f"/admin/{action}", orjson.dumps(asked))
        if status != 200:
            raise UsageError(f"The sandbox refused {action}: {told['error']}.")
        return told["result"]

    def _tell(self, path: str, body: bytes) -> tuple[int, Any]:
        """One call on the kept line. Raises UnreachableError."""
        line = self._line
        for again in (True, False):
            try:
                line.request("POST", path, body)
                answer = line.getresponse()
                return answer.status, orjson.loads(answer.read())
            except (OSError, http.client.HTTPException, orjson.JSONDecodeError) as error:
                line.close()
                # A line that lay idle for a minute was closed by the server, unread.
                if not (again and isinstance(error, ConnectionError)):
                    raise UnreachableError("The sandbox does not answer.") from None
        raise AssertionError("the second try returns or raises")

    def at(self, action: str, object: str, **asked: Any) -> Any:
        """Do one of the administrator's actions on an object. Raises UsageError."""
        return self.admin(action, **{self.noun: object}, **asked)

    def records(self, object: str) -> list[dict[str, Any]]:
        told: list[dict[str, Any]] = self.at("records", object)
        return told

    def create(self, object: str, fields: Fields) -> Ref:
        return Ref(self.at("create", object, fields=dict(fields)))

    def edit(self, object: str, ref: Ref, fields: Fields) -> None:
        self.at("edit", object, id=ref, fields=dict(fields))

    def hide(self, object: str, ref: Ref, on: bool = True) -> None:
        """Take a record out of the integration user's sight, or put it back."""
        self.at("hide", object, id=ref, on=on)

    def seed(self, object: str, records: Iterable[Fields]) -> list[Ref]:
        """Load many records at once, past lags and checks; 100,000 take about a second."""
        rows, refs = [dict(row) for row in records], list[Ref]()
        for start in range(0, len(rows), SEED_CHUNK):
            refs += self.at("seed", object, records=rows[start : start + SEED_CHUNK])
        return refs

    def fault(self, name: str, **how: Any) -> None:
        self.admin("fault", name=name, **how)

    def calls(self) -> Mapping[str, int]:
        told: Mapping[str, int] = self.admin("calls")
        return told

    def requests(self, operation: str | None = None) -> Sequence[Mapping[str, Any]]:
        """The last calls as they arrived, bodies too; without tokens."""
        told: Sequence[Mapping[str, Any]] = self.admin("requests", operation=operation)
        return told

    def switch(self, **forms: str) -> None:
        """Turn switches between the forms that the vendor is known or thought to have."""
        self.admin("switch", **forms)

    def limits(self, **wanted: Any) -> None:
        """Change sizes, lags and budgets."""
        self.admin("limits", **wanted)

    def now(self, **how: Any) -> float:
        """The sandbox's clock in epoch seconds; `set`, `advance` or `freeze` it first."""
        return float(self.admin("clock", **how))

    def close(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        if self._process.poll() is None:
            self._process.terminate()
        self._process.wait(timeout=10)
        if self._process.stdout is not None:
            self._process.stdout.close()
        line = getattr(self, "_line", None)
        if line is not None:
            line.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
