"""Presets, keys, previews, stand-ins: what a service may have beside the plain form."""

import json
import re
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import Open
from tests.browser.pictures import png
from tests.browser.steps import card, describe, make, ready, start
from tests.chats import chat, said
from tests.integration.callers import everyone
from tests.integration.test_loras import a_lora
from tests.live import LiveService, wait_until


def test_a_preset_sets_what_is_its_own(open_page: Open, service: LiveService):
    """Kind of fault: it asks for its size, whatever shape the picture has, and empties the rest."""
    page = open_page()
    describe(page, "Mine stays", seed="7", duration="2", negative_prompt="grey")
    page.select_option("#upscaling_scale", "2")
    page.fill("#option-step_seconds", "0.1")
    page.select_option("#resolution", "custom")
    page.fill("#size", "64x64")
    page.set_input_files("#media", {"name": "a.png", "mimeType": "image/png", "buffer": png(96)})
    high = next(one for one in service.get("/presets")["presets"] if one["name"] == "high")
    page.select_option("#preset", "high")
    assert page.input_value("#num_inference_steps") == str(high["values"]["num_inference_steps"])
    assert page.inner_text("#preset-about") == high["description"]
    usual = page.locator("#resolution option").first
    expect(usual).to_have_text(re.compile("128 . 96 default"))
    job = service.job(start(page))
    asked = job["requested"]
    assert "resolution" not in asked
    assert (asked["preset"], asked["prompt"], asked["seed"]) == ("high", "Mine stays", 7)
    assert (asked["negative_prompt"], asked["duration"]) == ("grey", 2)
    assert (asked["upscaling_scale"], asked["options"]) == (2, {"step_seconds": 0.1})
    assert job["resolved"]["width"] > 1.5 * job["resolved"]["height"], "the picture's shape"

    page.select_option("#preset", "")
    expect(usual).to_have_text(re.compile("64 . 48 default"))
    page.click("text=Use these settings again")
    assert page.input_value("#preset") == "high"
    expect(usual).to_have_text(re.compile("128 . 96 default"))


def test_a_template_takes_the_place_of_the_prompt(open_page: Open, service: LiveService):
    page = open_page()
    ready(page)
    page.fill("#prompt", "Not sent")
    page.select_option("#template", "product-shot")
    assert not page.is_visible("#prompt")
    page.fill("#variable-product", "a blue teapot")
    start(page)
    (job,) = service.jobs()
    assert "prompt" not in job["requested"]
    assert "a blue teapot" in job["resolved"]["prompt"]


def test_loras_are_chosen_with_their_strength(open_page: Open, service: LiveService):
    assert not open_page().is_visible("#loras"), "there are none"
    for name in ("kites", "rain"):
        assert service.client.put(f"/loras/{name}", content=a_lora()).status_code == 201
    try:
        page = open_page()
        ready(page)
        page.fill("#prompt", "A kite")
        page.click("#more > summary")
        page.check("#lora-0")
        page.fill("#strength-0", "0.8")
        assert not page.is_visible("#strength-1")
        found = Axe().run(page).response["violations"]
        assert [rule["id"] for rule in found if rule["impact"] in ("serious", "critical")] == []
        job = service.job(start(page))
        assert job["requested"]["loras"] == [{"name": "kites", "strength": 0.8}]
        assert job["resolved"]["loras"][0]["size_bytes"] == len(a_lora())
    finally:
        for name in ("kites", "rain"):
            service.client.delete(f"/loras/{name}")


def comes_back_after_its_session(page: Page, key: str) -> None:
    """Kind of fault: what could not be shown without a key stays away with one."""
    first = page.evaluate("location.hash.slice(1)")
    page.evaluate("location.hash = ''")
    page.context.clear_cookies()
    card(page, first).locator(".open").click()
    page.fill("#api_key", key)
    page.keyboard.press("Enter")
    page.locator("#stage video").wait_for()

    left: list[bool] = []

    def stream(route: Route) -> None:
        """It ends at once, and the browser comes back, until the session is over."""
        headers = {"content-type": "text/event-stream"}
        if left:
            route.continue_()
        else:
            route.fulfill(status=200, headers=headers, body="retry: 100\n\n")

    page.route("**/events", stream)
    page.fill("#option-step_seconds", "1")
    page.fill("#num_inference_steps", "20")
    start(page)
    page.locator("#stage .lost").wait_for()
    page.context.clear_cookies()
    left.append(True)
    page.locator("#sign-in[open]").wait_for()
    page.fill("#api_key", key)
    page.keyboard.press("Enter")
    page.locator("#sign-in[open]").wait_for(state="detached")
    page.click("#stage >> text=Cancel")
    page.locator("#stage .headline", has_text="Cancelled").wait_for()


def test_a_key_opens_the_page_and_a_wrong_one_says_so(open_page: Open, tmp_path: Path):
    keys = everyone(tmp_path)
    guarded = LiveService(tmp_path / "guarded", api_keys_file=keys.path).start()
    try:
        page = open_page()
        page.goto(f"{guarded.url}/ui/")
        page.fill("#api_key", "wrong")
        page.keyboard.press("Enter")
        page.locator("#sign-in .problem", has_text="not known").wait_for()
        assert page.locator("#estimate p").count() == 0
        page.fill("#api_key", keys.keys["ana"])
        page.keyboard.press("Enter")
        ready(page)
        assert not page.is_visible("#sign-in")
        assert page.inner_text("#session") == "Sign out ana"
        page.fill("#prompt", "Mine alone")
        page.click("#more > summary")
        page.click("#start")
        page.locator("video").wait_for()  # events, picture and film came with the cookie
        comes_back_after_its_session(page, keys.keys["ana"])
    finally:
        guarded.close()


def test_previews_and_estimates_of_others_are_shown(open_page: Open, service: LiveService):
    job_id = service.submit(options={"step_seconds": 1}, num_inference_steps=20)
    job = service.wait_for(job_id, "denoising")
    job["eta"] = {"seconds_left": 240}
    preview = {"step": 1, "url": "/ui/icon.svg"}
    stream = (
        f"event: state\ndata: {json.dumps(job)}\n\nevent: preview\ndata: {json.dumps(preview)}\n\n"
    )

    def feed(page: Page) -> None:
        answer = {"status": 200, "content_type": "text/event-stream", "body": stream}
        page.route("**/events", lambda route: route.fulfill(**answer))  # type: ignore[arg-type]

    page = open_page(f"/ui/#{job_id}", prepare=feed)
    picture = page.locator(".frame img")
    picture.wait_for()
    assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    assert "step=1" in (picture.get_attribute("src") or "")
    assert "about 4 min left" in page.inner_text(".left")


def test_a_stand_in_is_named(open_page: Open):
    def stands_in(page: Page) -> None:
        def answer(route: Route) -> None:
            route.fulfill(json=route.fetch().json() | {"stands_in_for": "Another 1.0"})

        page.route("**/info", answer)

    page = open_page(prepare=stands_in)
    page.locator("#about", has_text="stands in for Another 1.0").wait_for()


def test_a_running_job_is_found_again_after_a_reload(open_page: Open):
    page = open_page()
    ready(page)
    page.fill("#prompt", "Again")
    page.click("#more > summary")
    page.fill("#option-step_seconds", "1")
    start(page)
    page.reload()
    page.locator(".doing", has_text="Denoising").wait_for()


def test_smoother_and_larger_is_chosen_and_chosen_again(open_page: Open, service: LiveService):
    page = open_page()
    ready(page)
    page.fill("#prompt", "A bar")
    page.click("#more > summary")
    page.select_option("#frame_interpolation_exp", "1")
    page.select_option("#upscaling_scale", "2")
    job_id = start(page)
    page.locator("#stage video").wait_for()
    job = service.job(job_id)
    assert job["result"]["fps"] == 2 * job["resolved"]["fps"]
    assert job["result"]["width"] == 2 * job["resolved"]["width"]
    page.select_option("#upscaling_scale", "")
    page.get_by_role("button", name="Use these settings again").click()
    assert page.input_value("#upscaling_scale") == "2"


def test_prompt_help_is_offered_where_there_is_any(open_page: Open, tmp_path: Path):
    assert not open_page().is_visible("#enhance_prompt")
    with chat(said("A tabby cat")) as there:
        named = {"prompt_help_url": there.url, "prompt_help_model": "m"}
        service = LiveService(tmp_path / "helped", **named).start()
        try:
            page = open_page()
            page.goto(f"{service.url}/ui/")
            ready(page)
            page.check("#enhance_prompt")
            make(page, "A cat")
            page.click("#stage details > summary")
            assert "A tabby cat" in page.inner_text("#stage details")
        finally:
            service.close()


def test_a_video_is_kept_and_one_that_had_its_time_says_so(open_page: Open, tmp_path: Path):
    limits = {"keep_jobs": 1, "retention_seconds": 0.05}
    service = LiveService(tmp_path / "limited", **limits).start()
    try:
        page = open_page()
        page.goto(f"{service.url}/ui/")
        kept = make(page, "Mine")
        page.get_by_role("button", name="Keep", exact=True).click()
        page.get_by_role("button", name="Keep no more").wait_for()
        assert service.job(kept)["kept"]
        old = service.finish(prompt="Not mine")["id"]
        service.finish(prompt="Newer")
        wait_until(lambda: service.job(old)["expired_at"], what="the old one is gone")
        page.goto(f"{service.url}/ui/#{old}")
        page.locator("#stage", has_text="It had its time").wait_for()
        assert page.locator("#stage video").count() == 0
        assert page.get_by_role("link", name="Download").count() == 0
    finally:
        service.close()
