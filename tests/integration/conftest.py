"""Services for the tests of this folder, and their logs where a test fails."""

from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from tests.disks import mounted
from tests.integration.fleet import Fleet
from tests.live import LiveService, wait_until


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    """Starts services with settings of their own."""
    fleet = Fleet(tmp_path)
    yield fleet
    fleet.close()


@pytest.fixture(scope="package")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveService]:
    folder = tmp_path_factory.mktemp("shared")
    service = LiveService(folder, max_body_mb=1, max_queue=20, heartbeat_timeout_seconds=6)
    yield service
    if service.running:
        wait_until(lambda: not service.reading(), what="no file of a client that left is open")
    service.close()


@pytest.fixture
def service(shared: LiveService) -> LiveService:
    """The one service that most tests share: it answers, and its queue is empty."""
    if not shared.running:
        shared.start()
    _empty(shared)
    return shared


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A volume of 1 MiB."""
    with mounted(tmp_path / "small", "size=1m") as folder:
        yield folder


@pytest.fixture
def read_only_disk(tmp_path: Path) -> Iterator[Path]:
    """A volume that cannot be written."""
    with mounted(tmp_path / "read-only", "ro") as folder:
        yield folder


def _empty(service: LiveService) -> None:
    """What a failed test left running must not fail the next one too."""
    unfinished = ["queued", "waiting", "loading", "running", "cancelling"]
    for job in service.jobs(state=unfinished):
        service.cancel(job["id"])
    wait_until(lambda: not service.jobs(state=unfinished), what="the queue is empty")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what the services said, below a test that failed."""
    report = yield
    if report.failed and isinstance(item, pytest.Function):
        for name, value in item.funcargs.items():
            services = value.services if isinstance(value, Fleet) else [value]
            for service in services:
                if isinstance(service, LiveService) and name != "shared":  # it is "service" too
                    report.sections.append((f"log of {name}", service.log()))
    return report
