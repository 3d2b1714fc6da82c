"""A real browser, at a real toy service."""

from collections.abc import Callable, Iterator
from typing import Literal

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, sync_playwright

from tests.browser.browser import CHROMIUM, DESKTOP, PHONE, Witness, chromium
from tests.live import LiveService

Open = Callable[..., Page]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Say why, where there is no browser."""
    if CHROMIUM is None:
        skip = pytest.mark.skip(reason="no chromium on this machine (apt-get install chromium)")
        for item in items:
            if "tests/browser" in item.path.as_posix():
                item.add_marker(skip)


@pytest.fixture(scope="package")
def playwright() -> Iterator[Playwright]:
    """One for all: a second in the same process is refused."""
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="package")
def browser(playwright: Playwright) -> Iterator[Browser]:
    with chromium(playwright) as browser:
        yield browser


@pytest.fixture(scope="package")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveService]:
    siblings = "toy=:8099,other=http://other.example:8002"
    service = LiveService(tmp_path_factory.mktemp("browser"), siblings=siblings, max_body_mb=1)
    yield service
    service.close()


@pytest.fixture
def service(shared: LiveService) -> LiveService:
    """It answers, and has no jobs."""
    if not shared.running:
        shared.start()
    for job in shared.jobs():
        shared.cancel(job["id"])
        shared.wait_for(job["id"], "completed", "failed", "cancelled")
        shared.client.delete(f"/jobs/{job['id']}")
    return shared


@pytest.fixture
def witness() -> Witness:
    return Witness()


@pytest.fixture(params=[DESKTOP, PHONE], ids=["desktop", "phone"])
def viewport(request: pytest.FixtureRequest) -> dict[str, int]:
    size: dict[str, int] = request.param
    return size


@pytest.fixture
def open_page(browser: Browser, service: LiveService, witness: Witness) -> Iterator[Open]:
    """Opens the playground in a browser without any past; keywords are Playwright's."""
    contexts: list[BrowserContext] = []

    def opened(
        at: str = "/ui/",
        prepare: Callable[[Page], None] = str,
        wait_until: Literal["load", "commit"] = "load",
        **options: object,
    ) -> Page:
        context = browser.new_context(**{"viewport": DESKTOP, "locale": "en-US", **options})  # type: ignore[arg-type]
        context.set_default_timeout(20_000)
        contexts.append(context)
        page = context.new_page()
        witness.watch(page)
        prepare(page)
        page.goto(service.url + at, wait_until=wait_until)
        return page

    yield opened
    for context in contexts:
        context.close()
