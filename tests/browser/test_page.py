"""What the page itself must be: light, self-contained, safe and usable by everybody."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.browser.browser import DESKTOP, PHONE, Witness
from tests.browser.conftest import Open
from tests.browser.pictures import png
from tests.browser.steps import card, describe, make, ready, start
from tests.live import LiveService
from tests.seldom import seldom

KILOBYTES = 1000
HOSTILE = '<img src=x onerror="document.title=\'stolen\'"><script>document.title="stolen"</script>'


def test_a_cold_page_is_light_and_asks_nobody_else(
    open_page: Open, service: LiveService, witness: Witness
):
    received: list[float] = []

    def count(page: Page) -> None:
        protocol = page.context.new_cdp_session(page)
        protocol.send("Network.enable")
        protocol.on(
            "Network.loadingFinished", lambda event: received.append(event["encodedDataLength"])
        )

    page = open_page(prepare=count)
    ready(page)
    page.wait_for_load_state("networkidle")
    assert len(received) > 10
    assert sum(received) < 100 * KILOBYTES
    assert witness.hosts == {service.url.removeprefix("http://")}
    assert witness.complaints == []


def test_texts_of_jobs_stay_texts(open_page: Open, service: LiveService, witness: Witness):
    page = open_page()
    job_id = make(page, HOSTILE)
    assert page.inner_text("#stage .prompt") == HOSTILE
    assert card(page, job_id).locator(".words").inner_text() == HOSTILE
    page.click("#stage >> text=Delete")
    assert page.inner_text("#confirm-text") == HOSTILE
    page.keyboard.press("Escape")
    page.fill("#size", HOSTILE, force=True)
    assert page.locator("img[onerror]").count() == 0
    assert page.title() == "Toy, VideosDGX"
    assert witness.complaints == []


def test_the_browser_refuses_scripts_in_the_page(open_page: Open):
    page = open_page()
    ready(page)
    refused = page.evaluate(
        "() => { try { document.body.innerHTML = '<b>x</b>'; return false; }"
        " catch (error) { return error instanceof TypeError; } }"
    )
    assert refused is True


def _plain(page: Page) -> None:
    page.click("#more > summary")


def _made(page: Page) -> None:
    make(page, "To be looked at")
    page.click("#stage summary")


def _running(page: Page) -> None:
    describe(page, "On its way", num_inference_steps="20", option_step_seconds="0.5")
    start(page)
    page.locator(".doing", has_text=re.compile(r"\d \w+ 20")).wait_for()


def _wrong(page: Page) -> None:
    describe(page, "Too long", duration="999")
    page.click("#start")
    page.locator(".problem[role=alert]").first.wait_for()


def _refused(page: Page) -> None:
    file: Any = {"name": "a.txt", "mimeType": "text/plain", "buffer": b"-"}
    page.set_input_files("#media", file)
    page.locator("#media-problem [role=alert]").wait_for()


def _asking(page: Page) -> None:
    make(page, "To be deleted")
    page.click("#stage .actions button:last-child")


@pytest.mark.parametrize("reach", [_plain, _made, _running, _wrong, _refused, _asking])
@pytest.mark.parametrize("locale", seldom(["pt-BR", "en-US"]))
def test_everybody_can_use_it(open_page: Open, reach: Callable[[Page], None], locale: str):
    viewport = PHONE if reach is _made else DESKTOP
    page = open_page(viewport=viewport, reduced_motion="reduce", locale=locale)
    ready(page)
    reach(page)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        found = Axe().run(page).response["violations"]
        grave = [rule for rule in found if rule["impact"] in ("serious", "critical")]
        assert [(rule["id"], rule["nodes"][0]["html"]) for rule in grave] == [], scheme


def test_the_theme_follows_the_system_until_one_is_chosen(open_page: Open):
    page = open_page(color_scheme="dark")
    ready(page)
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.click("#theme")
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.reload()
    ready(page)
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == light != dark
    assert page.inner_text("#theme") == "Dark"


def test_the_keyboard_alone_is_enough_and_its_place_is_seen(open_page: Open):
    page = open_page()
    ready(page)
    seen = []
    for _ in range(30):
        page.keyboard.press("Tab")
        seen.append(
            page.evaluate(
                "() => { const at = document.activeElement;"
                " const drawn = at.closest('.drop') ?? at;"
                " return [at.id, getComputedStyle(drawn).outlineStyle]; }"
            )
        )
    reached = dict(seen)
    assert {"theme", "prompt", "media", "resolution", "duration", "start"} <= set(reached)
    assert {reached[name] for name in ("prompt", "media", "start", "theme")} == {"solid"}


def test_a_picture_is_shown_measured_and_used(open_page: Open, service: LiveService):
    page = open_page()
    describe(page, "It moves")
    page.set_input_files("#media", {"name": "a.png", "mimeType": "image/png", "buffer": png(64)})
    page.locator("#media-about", has_text=re.compile("a.png, 64 . 48")).wait_for()
    job_id = start(page)
    page.locator("#stage video").wait_for()
    assert service.job(job_id)["requested"]["image"] == "png 64x48"
    page.click("#media-remove")
    assert page.locator("#media-preview img").count() == 0


def test_a_picture_can_be_pasted_and_dropped(open_page: Open):
    page = open_page()
    ready(page)
    for event, carrier, target in (
        ("ClipboardEvent('paste'", "clipboardData", "document"),
        ("DragEvent('drop'", "dataTransfer", "document.getElementById('media-drop')"),
    ):
        page.evaluate(
            f"""bytes => {{
                const {carrier} = new DataTransfer();
                const file = new File([new Uint8Array(bytes)], 'b.png', {{type: 'image/png'}});
                {carrier}.items.add(file);
                {target}.dispatchEvent(new {event}, {{{carrier}, bubbles: true}}));
            }}""",
            list(png(80)),
        )
        page.locator("#media-about", has_text=re.compile("b.png, 80 . 48")).wait_for()
        page.click("#media-remove")


def test_models_own_sizes_are_offered(open_page: Open, service: LiveService):
    page = open_page()
    ready(page)
    values = page.eval_on_selector_all("#resolution option", "options => options.map(o => o.value)")
    sizes = [value for value in values if "x" in value]
    assert len(sizes) >= 4
    for size in sizes:
        answer = service.client.post(
            "/generate", json={"prompt": "-", "resolution": size, "dry_run": True}
        )
        assert answer.status_code == 200, (size, answer.text)
        assert answer.json()["adjustments"] == []


def test_the_other_services_are_one_click_away(open_page: Open):
    page = open_page()
    ready(page)
    links: list[Any] = page.eval_on_selector_all(
        "#siblings a", "links => links.map(link => [link.text, link.href, link.ariaCurrent])"
    )
    assert links == [
        ["toy", "http://127.0.0.1:8099/ui/", "page"],
        ["other", "http://other.example:8002/ui/", None],
    ]
