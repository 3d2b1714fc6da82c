"""A person's whole path through the page."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.browser import Witness
from tests.browser.conftest import Open
from tests.browser.steps import PLAYS, card, describe, make, ready, start
from tests.live import LiveService

LOOK = 3_100
"""Milliseconds: a little more than between two looks at the history."""
LISTED = re.compile(r"/jobs\?")
SLOW = {"num_inference_steps": "20", "option_step_seconds": "0.4"}


def test_make_watch_play_download_and_make_again(
    open_page: Open, service: LiveService, witness: Witness, viewport: dict[str, int]
):
    page = open_page(viewport=viewport)
    describe(page, "A red kite", duration="2", option_step_seconds="0.3", num_inference_steps="5")
    page.locator(".adjustments", has_text="duration 2 becomes 2.125").wait_for()
    job_id = start(page)

    page.locator(".doing", has_text=re.compile(r"step \d of 5")).wait_for()
    assert page.locator(".percent").inner_text().endswith("%")
    video = page.locator("#stage video")
    assert video.evaluate(PLAYS) > 0.3

    with page.expect_download() as download:
        page.click("#stage >> text=Download")
    made = service.client.get(f"/jobs/{job_id}/download")
    assert download.value.path().read_bytes() == made.content
    assert download.value.suggested_filename in made.headers["content-disposition"]

    thumbnail = card(page, job_id).locator("img")
    assert thumbnail.evaluate("image => image.decode().then(() => image.naturalWidth)") == 64
    page.fill("#prompt", "")
    page.click("text=Use these settings again")
    assert page.input_value("#prompt") == "A red kite"
    assert page.input_value("#duration") == "2"
    assert page.input_value("#option-step_seconds") == "0.3"
    page.click("#stage summary")
    page.click("text=Reuse")
    assert page.input_value("#seed") == str(service.job(job_id)["resolved"]["seed"])
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    assert witness.complaints == []


def test_cancel_while_it_runs(open_page: Open, service: LiveService, witness: Witness):
    page = open_page()
    describe(page, "Never finished", **SLOW)
    job_id = start(page)
    page.locator(".doing", has_text="Denoising").wait_for()
    page.click("#stage >> text=Cancel")
    page.locator("#stage .headline", has_text="Cancelled").wait_for()
    assert service.job(job_id)["state"] == "cancelled"
    assert "Cancelled" in page.inner_text("#live")
    assert witness.complaints == []


def test_a_failed_job_says_why_in_the_services_words(open_page: Open, service: LiveService):
    job_id = service.submit(options={"raise_at": "denoising"})
    error = service.wait_for(job_id, "failed")["error"]
    page = open_page(f"/ui/#{job_id}")
    page.locator(".failure", has_text=error["message"]).wait_for()


def test_deletion_asks_first_and_escape_keeps(open_page: Open, service: LiveService):
    page = open_page()
    job_id = make(page, "Soon gone")
    page.click("#stage >> text=Delete")
    page.locator("#confirm", has_text="Soon gone").wait_for()
    page.keyboard.press("Escape")
    assert service.job(job_id)["state"] == "completed"
    card(page, job_id).get_by_role("button", name="Delete: Soon gone").click()
    page.click("#confirm-yes")
    card(page, job_id).wait_for(state="detached")
    assert service.client.get(f"/jobs/{job_id}").status_code == 404
    assert page.locator("#stage video").count() == 0


@pytest.mark.parametrize(
    ("field", "value", "place"),
    [
        ("duration", "999", "duration"),
        ("guidance_scale", "99", "guidance_scale"),
        ("option_step_seconds", "99", "options.step_seconds"),
    ],
)
def test_a_wrong_value_is_explained_at_its_field(
    open_page: Open, service: LiveService, field: str, value: str, place: str
):
    page = open_page()
    describe(page, "Too much", **{field: value})
    note = page.locator(f'[data-field="{place}"] .problem')
    note.wait_for()
    page.click("#start")
    page.locator(f'[data-field="{place}"] .problem[role=alert]').wait_for()
    wrong = page.locator("[aria-invalid=true]")
    assert wrong.get_attribute("aria-errormessage") == note.get_attribute("id")
    assert wrong.evaluate("input => input === document.activeElement")
    assert service.jobs() == []


def test_an_empty_prompt_is_refused_only_when_it_is_sent(open_page: Open, service: LiveService):
    page = open_page()
    ready(page)
    assert page.locator(".problem:visible").count() == 0
    page.keyboard.press("Control+Enter")
    page.locator('[data-field="prompt"] .problem').wait_for()
    page.fill("#prompt", "Now there is one")
    page.keyboard.press("Control+Enter")
    page.locator("#stage video").wait_for()
    assert len(service.jobs()) == 1
    assert page.locator(".problem:visible").count() == 0


def test_what_a_start_met_stands_until_something_is_changed(open_page: Open):
    """Kind of fault: a look at the form takes back words before anybody has read them."""
    full = {"error": {"code": "queue_full", "message": "Eight are waiting.", "hint": "Wait."}}

    def answer(route: Route) -> None:
        if "dry_run" in (route.request.post_data or ""):
            route.continue_()
        else:
            route.fulfill(status=503, json=full)

    page = open_page(prepare=lambda page: page.route("**/generate", answer), locale="pt-BR")
    ready(page)
    page.fill("#prompt", "One too many")
    with page.expect_response(lambda response: response.ok and "generate" in response.url):
        page.click("#start")  # leaving the prompt is a change, which is looked at
    problem = page.locator("#form-problem", has_text="A fila está cheia.")
    problem.wait_for()
    page.locator("#start:not(:disabled)").wait_for()
    assert "Eight are waiting. Wait." in problem.inner_text()
    page.fill("#prompt", "Another")
    problem.wait_for(state="hidden")


def test_history_goes_on_page_by_page(open_page: Open, service: LiveService):
    jobs = [service.submit(prompt=f"Number {number}") for number in range(14)]
    for job_id in jobs:
        service.wait_for(job_id, "completed")
    page = open_page()
    card(page, jobs[-1]).wait_for()
    assert page.locator("#history li").count() == 12
    page.click("#older")
    card(page, jobs[0]).wait_for()
    assert page.locator("#history li").count() == 14
    assert not page.is_visible("#older")
    card(page, jobs[0]).locator(".open").click()
    page.locator("#stage", has_text="Number 0").wait_for()
    page.go_back()
    page.locator("#stage", has_text="Your video appears here").wait_for()


def test_history_keeps_up_with_all_that_it_shows(open_page: Open, service: LiveService):
    """Kind of fault: the newest are looked at, while it is the oldest that go on."""
    service.client.post("/queue/pause")
    try:
        jobs = [service.submit(prompt=f"Number {number}") for number in range(27)]
        page = open_page(prepare=lambda page: page.clock.install())
        ready(page)
        page.click("#older")
        card(page, jobs[3]).wait_for()
        jobs += [service.submit(prompt=f"Number {number}") for number in range(27, 41)]
        page.fill("#prompt", "Number 41")
        jobs.append(start(page))
        page.clock.run_for(LOOK)
        expect(page.locator("#older")).to_be_visible()
        words = [f"Number {number}" for number in reversed(range(3, 42))]
        expect(page.locator("#history .words")).to_have_text(words)
        for job_id in jobs:
            service.cancel(job_id)
    finally:
        service.client.post("/queue/resume")
    page.clock.run_for(LOOK)
    expect(page.locator("#history .badge.cancelled")).to_have_count(len(words))
    page.clock.run_for(LOOK)  # a look that was under way was the last
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.clock.run_for(10 * LOOK)
    page.evaluate("fetch('/health')")
    assert [url for url in asked if LISTED.search(url)] == []


def test_history_begins_anew_behind_a_long_absence(open_page: Open, service: LiveService):
    """Kind of fault: what came meanwhile is fetched to the last of thousands, or never."""
    old = service.finish()["id"]
    page = open_page()
    card(page, old).wait_for()
    view = service.job(old)

    def answer(route: Route) -> None:
        first = 0 if "cursor=" not in route.request.url else 12
        many = [view | {"id": f"{number:032x}"} for number in range(first, 112 if first else 12)]
        route.fulfill(json={"jobs": many, "next_cursor": "7"})

    page.route(LISTED, answer)
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.locator("#history li")).to_have_count(112)
    expect(card(page, old)).to_have_count(0)
    page.unroute(LISTED)
    with page.expect_request(re.compile(r"/jobs\?.*cursor=7")):
        page.click("#older")


def test_the_page_goes_on_after_a_restart_in_mid_job(
    open_page: Open, service: LiveService, witness: Witness
):
    page = open_page()
    describe(page, "Over a restart", num_inference_steps="10", option_step_seconds="0.3")
    job_id = start(page)
    page.locator(".doing", has_text="step").wait_for()
    service.kill()
    page.locator(".lost").wait_for()
    service.restart()
    page.locator("#stage video").wait_for(timeout=40_000)
    assert service.job(job_id)["state"] == "completed"
    assert page.locator("#stage video").evaluate(PLAYS) > 0.3
    assert [text for text in witness.complaints if "ERR_" not in text] == []


def test_a_job_that_is_not_there_says_so(open_page: Open):
    page = open_page("/ui/#0123456789abcdef0123456789abcdef")
    page.locator("#stage", has_text="no longer there").wait_for()


def test_a_look_that_failed_is_made_again_at_its_card(open_page: Open, service: LiveService):
    """Kind of fault: what could not be shown once counts as shown."""
    job_id = service.finish()["id"]

    def refuse_once(page: Page) -> None:
        refused = {"status": 503, "json": {}}
        page.route(f"**/jobs/{job_id}", lambda route: route.fulfill(**refused), times=1)  # type: ignore[arg-type]

    page = open_page(f"/ui/#{job_id}", prepare=refuse_once)
    page.locator("#stage .empty").wait_for()
    card(page, job_id).locator(".open").click()
    page.locator("#stage video").wait_for()


def test_the_stage_has_what_was_chosen_last(open_page: Open, service: LiveService):
    """Kind of fault: of two looks at one job the first is followed still, over another job."""
    finished = service.finish(prompt="Finished")["id"]
    running = service.submit({"step_seconds": 1}, prompt="Running", num_inference_steps=20)
    service.wait_for(running, "denoising")
    held: list[Route] = []
    page = open_page()
    page.route(f"**/jobs/{running}", lambda route: held.append(route), times=1)
    card(page, running).locator(".open").click()
    card(page, finished).locator(".open").click()
    page.locator("#stage video").wait_for()
    card(page, running).locator(".open").click()
    page.locator("#stage .doing", has_text="Denoising").wait_for()
    with page.expect_response(f"**/jobs/{running}"):
        held[0].continue_()

    page.evaluate("location.hash = ''")
    page.locator("#stage", has_text="Your video appears here").wait_for()
    page.go_back()
    page.locator("#stage .doing", has_text="Denoising").wait_for()
    card(page, finished).locator(".open").click()
    page.locator("#stage video").wait_for()
    service.cancel(running)
    expect(card(page, running).locator(".badge")).to_have_text("Cancelled")
    expect(page.locator("#stage .prompt")).to_have_text("Finished")


def test_what_was_kept_does_not_take_the_place_of_another(open_page: Open, tmp_path: Path):
    service = LiveService(tmp_path / "limited", keep_jobs=9).start()
    try:
        first, second = (service.finish(prompt=name)["id"] for name in ("First", "Second"))
        held: list[Route] = []
        page = open_page()
        page.route("**/keep", lambda route: held.append(route))
        page.goto(f"{service.url}/ui/#{first}")
        page.get_by_role("button", name="Keep", exact=True).click()
        card(page, second).locator(".open").click()
        page.locator("#stage .prompt", has_text="Second").wait_for()
        held[0].continue_()
        expect(page.locator("#live")).to_have_text("It stays.")
        page.evaluate("fetch('/health')")
        expect(page.locator("#stage .prompt")).to_have_text("Second")
    finally:
        service.close()
