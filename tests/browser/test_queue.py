"""The order of the queue at the page: by keyboard, by buttons and by hand."""

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, Route, expect

from tests.browser.browser import Witness
from tests.browser.conftest import Open
from tests.browser.steps import ready
from tests.live import LiveService

NAMES = ("One", "Two", "Three")


@pytest.fixture
def queued(service: LiveService) -> Iterator[dict[str, str]]:
    """Three jobs that wait, by their prompts."""
    service.client.post("/queue/pause")
    yield {name: service.submit(prompt=name) for name in NAMES}
    for job in service.jobs(state="queued"):
        service.cancel(job["id"])
    service.client.post("/queue/resume")


def check_order(page: Page, service: LiveService, *names: str) -> None:
    expect(page.locator("#queue a")).to_have_text([*names])
    assert [job["resolved"]["prompt"] for job in service.get("/queue")["jobs"]] == [*names]


@pytest.mark.usefixtures("queued")
def test_an_admin_puts_jobs_into_another_order(
    open_page: Open, service: LiveService, witness: Witness
):
    page = open_page()
    ready(page)
    check_order(page, service, *NAMES)
    page.focus("#queue li:last-child a")
    page.keyboard.press("Alt+ArrowUp")
    check_order(page, service, "One", "Three", "Two")
    page.keyboard.press("Alt+ArrowUp")
    check_order(page, service, "Three", "One", "Two")
    assert page.evaluate("document.activeElement.textContent") == "Three", "the focus goes along"
    expect(page.locator("#live")).to_have_text("Number 1 in the queue: Three")
    page.keyboard.press("Alt+ArrowUp")
    page.get_by_label("Later: Three").press("Enter")
    check_order(page, service, "One", "Three", "Two")
    expect(page.get_by_label("Later: Three")).to_be_focused()

    page.drag_and_drop("#queue li:nth-child(3)", "#queue li:nth-child(1)", target_position=_TOP)
    check_order(page, service, "Two", "One", "Three")
    found = Axe().run(page).response["violations"]
    assert [rule["id"] for rule in found if rule["impact"] in ("serious", "critical")] == []
    page.click("#queue >> text=One")
    page.locator("#stage .prompt", has_text="One").wait_for()
    assert witness.complaints == []


def test_what_was_begun_meanwhile_is_said(
    open_page: Open, service: LiveService, queued: dict[str, str]
):
    page = open_page()
    ready(page)
    check_order(page, service, *NAMES)
    service.cancel(queued["Three"])
    page.get_by_label("Earlier: Three").click()
    page.locator("#form-problem", has_text="The job is cancelled already").wait_for()
    expect(page.locator("#queue a")).to_have_text(["One", "Two"])


@pytest.mark.usefixtures("queued")
def test_others_do_not_see_it(open_page: Open, service: LiveService):
    def as_user(page: Page) -> None:
        def answer(route: Route) -> None:
            route.fulfill(json={"required": True, "user": "ana", "scopes": ["user"]})

        page.route("**/auth/session", answer)

    page = open_page(prepare=as_user)
    ready(page)
    expect(page.locator("#history li")).to_have_count(3)
    assert page.locator("#queue-section").is_hidden()


_TOP = {"x": 40, "y": 4}
