"""Jobs in bulk: what is under way, when it is done, and what of it can be fetched. README: Bulk."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from connector.http.limits import Rate
from connector.sandbox.window import Window
from connector_zoho import facts
from connector_zoho.sandbox.model import Organisation
from connector_zoho.sandbox.refusals import Json, RefusedCall


@dataclass(slots=True)
class Job:
    """One job. `work` does it, all at once, when `due` (epoch seconds) has come.

    `doomed`: it fails; with `half`, after the first half of its records.
    """

    id: str
    user: Json
    made: float
    due: float
    about: Json
    work: Callable[[Job], None]
    doomed: bool = False
    half: bool = False
    done: bool = False
    heads: Sequence[str] = ()
    rows: list[list[str]] = field(default_factory=list)
    result: Json = field(default_factory=dict)


class Jobs:
    """All jobs of one organisation, of one sort."""

    def __init__(self, org: Organisation) -> None:
        self._org = org
        self._jobs: dict[str, Job] = {}
        self._fetched = Window()
        self.doom: Json | None = None
        """How the next job fails; see the fault `failed_job`."""
        self.short = False
        """The next result lacks its second half."""

    def start(self, user: Json, about: Json, work: Callable[[Job], None]) -> Job:
        """Take a job on. Raises RefusedCall 429 if too many are under way."""
        now, limits = self._org.time.now(), self._org.limits
        under_way = sum(not job.done for job in self._jobs.values())
        if limits.bulk_jobs is not None and under_way >= limits.bulk_jobs:
            raise RefusedCall(
                self._org.switches["throttle_code"], "too many jobs are under way", status=429
            )
        doom, self.doom = self.doom, None
        job = Job(
            id=str(self._org.new_number()),
            user=user,
            made=now,
            due=now + limits.bulk_job_s,
            about=about,
            work=work,
            doomed=doom is not None,
            half=bool(doom and doom.get("half")),
        )
        self._jobs[job.id] = job
        return job

    def settle(self) -> None:
        """Do the jobs whose time has come, in their order."""
        now = self._org.time.now()
        due = [job for job in self._jobs.values() if not job.done and job.due <= now]
        for job in sorted(due, key=lambda one: one.due):
            job.done = True
            job.work(job)

    def get(self, told: str) -> Job:
        """Look a job up. Raises RefusedCall 404."""
        job = self._jobs.get(told)
        if job is None:
            raise RefusedCall(
                "RESOURCE_NOT_FOUND", "The requested resource does not exist.", status=404
            )
        return job

    def state(self, job: Job) -> str:
        """In the words that both sorts of jobs share; an end is the caller's to name."""
        if job.done:
            return "FAILED" if job.doomed else "COMPLETED"
        begun = self._org.time.now() - job.made
        return "ADDED" if begun * 3 < job.due - job.made else self._org.switches["bulk_progress"]

    def fetch(self, told: str, name: str) -> bytes:
        """The result of a finished job, zipped. Raises RefusedCall 404 or 429."""
        job = self.get(told)
        now, limits = self._org.time.now(), self._org.limits
        if not self._fetched.take(now, Rate(*facts.BULK_DOWNLOADS)):
            raise RefusedCall(self._org.switches["throttle_code"], "too many downloads", status=429)
        if not job.done or job.doomed or now > job.due + limits.bulk_result_life_s:
            raise RefusedCall(
                "RESOURCE_NOT_FOUND", "The requested resource does not exist.", status=404
            )
        rows, self.short = job.rows[: len(job.rows) // 2] if self.short else job.rows, False
        return zipped(name, [job.heads, *rows])


def zipped(name: str, rows: Iterable[Sequence[str]]) -> bytes:
    """A zip with one table in it."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, text.getvalue().encode())
    return made.getvalue()
