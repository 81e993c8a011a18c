"""The network inside the process fails as a real one does, and takes the story's time only."""

from __future__ import annotations

from random import Random

import pytest
from connector_zoho.sandbox.app import SandboxApp
from connector_zoho.sandbox.auth import CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN

from connector.errors import UnknownOutcomeError, UnreachableError
from connector.http.session import HttpSession
from connector.plugin import AllowList, Response
from connector.sandbox.calls import Call
from connector.testing.clock import ManualClock
from tests.simulation.network import Fate, Line, Network

HOST, TIMEOUT_S = "zoho.example.test", 20.0


class Office:
    """A stand-in at the end of a line, and a session that speaks to it."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.network = Network(self.clock)
        self.app = SandboxApp(now=self.network.now)
        self.fates: list[Fate] = []
        self.points: list[str] = []
        self.network.connect(HOST, Line(self.app, self._draw, self._pass))
        self.session = HttpSession(
            AllowList((f"https://{HOST}",)),
            clock=self.clock,
            rng=Random(1),
            timeout_s=TIMEOUT_S,
            adapter=self.network,
        )
        self.token = ""

    def _draw(self, call: Call) -> Fate | None:
        return self.fates.pop(0) if self.fates else None

    def _pass(self, when: str, call: Call) -> None:
        self.points.append(when)

    def login(self) -> None:
        form = {
            "grant_type": "refresh_token",
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "refresh_token": REFRESH_TOKEN,
        }
        url = f"https://{HOST}/oauth/v2/token"
        told = self.session.request("POST", url, form=form, repeatable=True)
        self.token = str(told.body.partition(b'"access_token":"')[2].partition(b'"')[0], "ascii")

    def insert(self) -> Response:
        return self.session.request(
            "POST",
            f"https://{HOST}/crm/v8/Contacts",
            json={"data": [{"Last_Name": "Lim"}]},
            headers={"Authorization": f"Zoho-oauthtoken {self.token}"},
        )

    @property
    def made(self) -> int:
        return len(self.app.org.modules["Contacts"].live)


@pytest.fixture
def office() -> Office:
    made = Office()
    made.login()
    return made


def test_a_request_is_answered_and_takes_a_little_virtual_time(office: Office) -> None:
    before = office.clock.now()
    assert office.insert().status == 201
    assert office.made == 1
    assert 0.02 <= (office.clock.now() - before).total_seconds() <= 0.2
    assert office.points[-2:] == ["before", "after"]


def test_a_refused_connection_surely_sent_nothing(office: Office) -> None:
    office.fates = [Fate("refused")] * 3
    with pytest.raises(UnreachableError):
        office.insert()
    assert office.made == 0


@pytest.mark.parametrize(
    ("name", "made"), [("lost_before", 0), ("lost_after", 1), ("truncated", 1)]
)
def test_a_lost_answer_leaves_a_write_unknown(office: Office, name: str, made: int) -> None:
    office.fates = [Fate(name)]
    with pytest.raises(UnknownOutcomeError):
        office.insert()
    assert office.made == made


def test_a_late_request_lands_in_its_own_time(office: Office) -> None:
    office.fates = [Fate("late", {"seconds": 25.0})]
    sent = office.clock.now().timestamp()
    with pytest.raises(UnknownOutcomeError):
        office.insert()
    office.network.land()
    assert office.made == 0
    office.clock.sleep(60)
    office.network.land()
    [made] = office.app.org.modules["Contacts"].live.values()
    assert sent + 25 <= made.modified + 1 <= sent + 27


def test_a_fault_strikes_the_one_call_it_was_drawn_for(office: Office) -> None:
    office.fates = [Fate("error", {"status": 503})]
    assert office.insert().status == 503
    assert office.insert().status == 201
