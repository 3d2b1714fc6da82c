"""What the page does where the service has more routes than it needs; here they are answered by
the test, in the shapes that those routes have."""

import json
from typing import Any

from playwright.sync_api import Page, Route

from tests.browser.conftest import Open
from tests.browser.steps import ready, start
from tests.live import LiveService

PRESETS = {
    "presets": [
        {"name": "quick", "description": "Two steps.", "values": {"num_inference_steps": 2}}
    ],
    "templates": [
        {
            "name": "portrait",
            "description": "A face.",
            "prompt": "A portrait of {who}",
            "variables": {"who": {"default": None, "description": "Whose face."}},
        }
    ],
}


def _has(page: Page, path: str) -> None:
    """The page is told that the service has this route."""

    def answer(route: Route) -> None:
        config: dict[str, Any] = route.fetch().json()
        route.fulfill(json=config | {"routes": [path]})

    page.route("**/ui/config", answer)


def _with_presets(page: Page) -> None:
    _has(page, "/presets")
    page.route("**/presets", lambda route: route.fulfill(json=PRESETS))


def test_a_preset_fills_the_form(open_page: Open):
    page = open_page(prepare=_with_presets)
    ready(page)
    page.fill("#prompt", "Mine stays")
    page.select_option("#preset", "quick")
    assert page.input_value("#num_inference_steps") == "2"
    assert page.input_value("#prompt") == "Mine stays"
    assert page.inner_text("#preset-about") == "Two steps."


def test_a_template_takes_the_place_of_the_prompt(open_page: Open):
    page = open_page(prepare=_with_presets)
    ready(page)
    page.fill("#prompt", "Not sent")
    page.select_option("#template", "portrait")
    assert not page.is_visible("#prompt")
    page.fill("#variable-who", "Ada")
    with page.expect_request("**/generate") as sent:
        page.click("#start")
    body = json.loads(sent.value.post_data or "")
    assert body.items() >= {"template": "portrait", "variables": {"who": "Ada"}}.items()
    assert "prompt" not in body


def test_without_presets_there_is_no_control(open_page: Open):
    page = open_page()
    ready(page)
    assert not page.is_visible("#preset")
    assert not page.is_visible("#template")


def test_a_key_opens_the_page_and_a_wrong_one_says_so(open_page: Open):
    user: list[str] = []

    def session(route: Route) -> None:
        if route.request.method == "POST" and route.request.post_data_json["api_key"] != "right":
            error = {"code": "unauthorized", "message": "No such key."}
            route.fulfill(status=401, json={"error": error})
        elif route.request.method == "POST":
            user.append("ada")
            route.fulfill(json={})
        else:
            route.fulfill(json={"required": True, "user": user[0] if user else None, "scopes": []})

    def locked(page: Page) -> None:
        _has(page, "/auth/session")
        page.route("**/auth/session", session)

    page = open_page(prepare=locked)
    page.fill("#api_key", "wrong")
    page.keyboard.press("Enter")
    page.locator("#sign-in .problem", has_text="No such key").wait_for()
    assert page.locator("#estimate p").count() == 0
    page.fill("#api_key", "right")
    page.keyboard.press("Enter")
    ready(page)
    assert not page.is_visible("#sign-in")
    assert page.inner_text("#session") == "Sign out ada"


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
