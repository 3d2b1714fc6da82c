"""Following a job over services that go away and come back, and through proxies that say so."""

import json
import socket
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import pytest

from scripts.cli.client import Client
from scripts.cli.ending import Wanted, reach
from scripts.cli.errors import CliError
from scripts.cli.patience import Patience
from scripts.cli.show import Output
from scripts.cli.watching import follow
from tests.receivers import Receiver, Reply, receiver

RUNNING, DONE = ({"id": "7", "state": state, "error": None} for state in ("running", "completed"))
AWAY = {"error": {"code": "store_unavailable", "message": "The job database does not answer."}}
PING = Reply(body=b": ping\n\n")
"""A stream that says nothing, and ends."""


def says(body: dict[str, Any], status: int = 200) -> Reply:
    return Reply(status=status, body=json.dumps(body).encode())


@dataclass
class Clock:
    """Time passes while somebody waits, and while a stream is read."""

    service: Receiver
    waited: float = 0.0
    streams: list[str] = field(default_factory=list)

    def __call__(self) -> float:
        streams = [told for told in self.service.told if told.path.endswith("/events")]
        return self.waited + 3600 * len(streams)

    def sleep(self, seconds: float) -> None:
        self.waited += seconds


@pytest.fixture
def service() -> Iterator[Receiver]:
    with receiver() as opened:
        yield opened


def client_of(service: Receiver) -> Client:
    return Client(f"http://127.0.0.1:{service.port}")


def followed(service: Receiver, clock: Clock) -> dict[str, Any]:
    patience = Patience(clock=clock, sleep=clock.sleep)
    with client_of(service) as client:
        return follow(client, "7", lambda _job: None, patience)


@pytest.mark.parametrize("status", [502, 503, 504])
def test_the_minute_begins_when_the_service_is_lost(service: Receiver, status: int):
    """However long nothing had happened before: pings are no events."""
    gone = Reply(status=status, body=b"<html>Bad gateway</html>")
    service.answers(says(RUNNING), PING, gone, says(AWAY, 503), says(RUNNING), gone, says(DONE))
    clock = Clock(service)
    assert followed(service, clock)["state"] == "completed"
    assert 0 < clock.waited < 60


def test_the_first_look_is_patient_too(service: Receiver):
    service.answers(says(AWAY, 503), says(DONE))
    assert followed(service, Clock(service))["state"] == "completed"


def test_a_service_that_stays_away_is_given_up_after_a_minute(service: Receiver):
    service.answers(says(RUNNING), PING, says(AWAY, 503))
    clock = Clock(service)
    with pytest.raises(CliError, match="The job database does not answer"):
        followed(service, clock)
    assert 59 <= clock.waited <= 61


def test_a_refusal_is_no_absence(service: Receiver):
    service.answers(says({"error": {"code": "not_found", "message": "No such job."}}, 404))
    clock = Clock(service)
    with pytest.raises(CliError, match="No such job"):
        followed(service, clock)
    assert clock.waited == 0


def test_nobody_listens_for_a_minute():
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    clock = Clock(Receiver())
    patience = Patience(clock=clock, sleep=clock.sleep)
    with (
        Client(f"http://127.0.0.1:{port}") as client,
        pytest.raises(CliError, match="does not answer") as lost,
    ):
        follow(client, "7", lambda _job: None, patience)
    assert 59 <= clock.waited <= 61
    assert f"`videosdgx watch 7 --service http://127.0.0.1:{port}`" in str(lost.value.body["hint"])


def test_a_stream_that_has_gone_silent_is_left(service: Receiver):
    """As after a laptop's sleep: the service pings, and nothing arrives."""
    service.answers(says(RUNNING), Reply(hangs=True), says(DONE))
    clock = Clock(service)
    with Client(f"http://127.0.0.1:{service.port}", silence=0.05) as client:
        found = follow(client, "7", lambda _job: None, Patience(clock=clock, sleep=clock.sleep))
    assert found["state"] == "completed"


def test_a_job_is_told_before_it_is_followed(service: Receiver, capsys: pytest.CaptureFixture[str]):
    service.answers(says({"error": {"code": "gone", "message": "Its files are gone."}}, 404))
    wanted = Wanted(
        dry_run=False, wait=True, output="new/a.mp4", force=False, cancel_on_interrupt=False
    )
    for as_json, told in ((False, "Job 7\n"), (True, "")):
        with client_of(service) as client, pytest.raises(CliError):
            reach(client, RUNNING, Output(as_json=as_json), wanted)
        said = capsys.readouterr()
        assert (said.out, said.err) == ("", told)


def test_a_file_that_did_not_come_can_be_fetched_later(service: Receiver):
    service.answers(says(DONE), says({"error": {"code": "x", "message": "No."}}, 500))
    wanted = Wanted(
        dry_run=False, wait=True, output="new/a.mp4", force=False, cancel_on_interrupt=False
    )
    with client_of(service) as client, pytest.raises(CliError, match="No") as lost:
        reach(client, RUNNING, Output(as_json=True), wanted)
    again = f"`videosdgx download 7 --service http://127.0.0.1:{service.port}`"
    assert again in str(lost.value.body["hint"])
