"""The page with another kind of work: thirty lines of its own, and all else as it is."""

import re
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.browser.browser import Witness
from tests.browser.conftest import Open
from tests.browser.steps import card, ready, start
from tests.kinds.live_text import live_text
from tests.live import LiveService


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveService]:
    """A service of texts, in place of the toy."""
    service = live_text(tmp_path_factory.mktemp("texts"))
    yield service
    service.close()


def test_a_kind_of_thirty_lines_has_a_working_page(
    open_page: Open, service: LiveService, witness: Witness
):
    page = open_page()
    ready(page)
    assert page.get_attribute("#form", "aria-label") == "New text"
    assert page.locator("#form .field:visible").count() == 1
    page.keyboard.press("Control+Enter")
    page.locator('[data-field="prompt"] .problem', has_text="Say what to write").wait_for()
    page.fill("#prompt", "A <b>red</b> kite")
    job_id = start(page)
    expect(page.locator("#stage pre")).to_have_text(re.compile(r"^A <b>red</b> kite:( \w+){4}\n$"))
    assert page.locator("#stage pre b").count() == 0
    job = service.job(job_id)
    assert job["requested"] == {"prompt": "A <b>red</b> kite"}
    written = service.client.get(job["links"]["download"]).text
    assert page.locator("#stage pre").text_content() == written

    assert card(page, job_id).locator(".words").inner_text() == "A <b>red</b> kite"
    assert card(page, job_id).locator("img, .blank").count() == 0
    page.click("#stage summary")
    assert page.locator("#stage dt").all_inner_texts() == [
        "Made by", "File", "Took", "Asked", "Job",
    ]  # fmt: skip
    page.fill("#prompt", "")
    page.click("text=Use these settings again")
    assert page.input_value("#prompt") == "A <b>red</b> kite"
    assert page.evaluate("document.activeElement.id") == "prompt"

    page.click("#language")
    expect(page.locator("label[for=prompt]")).to_have_text("Palavras")
    expect(page.locator("#start span")).to_have_text("Começar")
    found = Axe().run(page).response["violations"]
    assert [rule["id"] for rule in found if rule["impact"] in ("serious", "critical")] == []

    page.click("#stage .actions button:last-child")
    page.click("#confirm-yes")
    card(page, job_id).wait_for(state="detached")
    assert service.jobs() == []
    assert witness.complaints == []


def test_its_running_jobs_are_followed_and_cancelled(open_page: Open, service: LiveService):
    page = open_page()
    ready(page)
    page.fill("#prompt", "Never written")
    page.click("#more > summary")
    page.fill("#option-step_seconds", "1")
    job_id = start(page)
    page.locator(".doing", has_text="denoising").wait_for()  # it has no words for the phase
    page.click("#stage >> text=Cancel")
    page.locator("#stage .headline", has_text="Cancelled").wait_for()
    assert service.job(job_id)["state"] == "cancelled"
