"""From a video: made anew, or only larger; by a frame of it; once more, though it is there."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.conftest import Open
from tests.browser.steps import card, describe, make, ready, start
from tests.films import film
from tests.live import LiveService


@pytest.fixture(scope="module")
def beach(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return film(tmp_path_factory.mktemp("films") / "beach.mp4", 9, 8, "64x48")


def _remaking(page: Page) -> None:
    """A checkpoint that makes videos anew."""

    def answer(route: Any) -> None:
        info = route.fetch().json()
        able = [*info["capabilities"], "video_to_video", "video_continuation"]
        route.fulfill(json=info | {"capabilities": able})

    page.route("**/info", answer)


def _ending(page: Page) -> None:
    """A checkpoint that takes a last picture."""

    def answer(route: Any) -> None:
        route.fulfill(json=route.fetch().json() | {"capabilities": ["last_image", "upscaling"]})

    page.route("**/info", answer)


def test_a_frame_of_the_video_that_is_shown_is_taken(open_page: Open, service: LiveService):
    made = service.finish(num_frames=9, fps=8)["id"]
    page = open_page(prepare=_ending)
    describe(page, "A kite")
    page.click("#pictures > summary")
    assert page.is_hidden("#keyframes")
    page.click("#last_image-borrow")
    page.locator('[data-field="last_image"]', has_text="No finished video is shown").wait_for()
    card(page, made).locator(".open").click()
    page.locator("#stage video").evaluate(
        "video => new Promise(seen => { video.onseeked = seen; video.currentTime = 5 / 8; })"
    )
    page.click("#last_image-borrow")
    page.locator("#last_image-about", has_text=f"Frame 5 of video {made[:8]}").wait_for()
    expect(page.locator("#last_image-remove")).to_be_focused()
    assert page.locator("#last_image-preview img").count() == 1
    with page.expect_request(lambda request: "dry_run" not in (request.post_data or "d")) as asked:
        page.click("#start")
    assert asked.value.post_data_json["last_image"] == {"job": made, "frame": 5}


def test_an_uploaded_video_is_made_anew(open_page: Open, beach: Path):
    page = open_page(prepare=_remaking)
    ready(page)
    page.set_input_files("#media", beach)
    page.locator("#media-about", has_text="beach.mp4, 64").wait_for()
    options = page.locator("#way option").all_text_contents()
    assert options == [
        "It goes on from its beginning", "All of it is made anew", "Only smoother or larger",
    ]  # fmt: skip
    page.select_option("#way", "remake")
    page.fill("#prompt", "The same in snow")
    page.fill("#strength", "2")
    page.click("#start")
    page.locator('[data-field="strength"] .problem', has_text="1 is the most").wait_for()
    page.fill("#strength", "0.6")
    with page.expect_request(lambda request: request.method == "POST") as asked:
        page.click("#start")
    sent = (asked.value.post_data_buffer or b"").decode(errors="replace")
    assert 'name="strength"\r\n\r\n0.6' in sent
    assert 'name="video"; filename="beach.mp4"' in sent


def _upscaling(page: Page) -> None:
    """A service that has all that makes videos larger."""

    def answer(route: Any) -> None:
        info = route.fetch().json()
        able = [*info["capabilities"], "x4plus_upscaling", "latent_upscaling"]
        route.fulfill(json=info | {"capabilities": able})

    page.route("**/info", answer)


def test_what_makes_it_larger_is_chosen_where_there_is_a_choice(open_page: Open, beach: Path):
    page = open_page()
    ready(page)
    page.click("#more > summary")
    expect(page.locator("#upscaler")).to_be_hidden()
    page = open_page(prepare=_upscaling)
    ready(page)
    page.click("#more > summary")
    options = page.locator("#upscaler option")
    expect(options).to_have_count(2)  # the model's own makes nothing new larger
    page.set_input_files("#media", beach)
    expect(options).to_have_count(3)
    page.select_option("#upscaling_scale", "2")
    page.select_option("#upscaler", "latent")
    with page.expect_request(
        lambda request: (
            request.method == "POST" and b"dry_run" not in (request.post_data_buffer or b"dry_run")
        )
    ) as asked:
        page.click("#start")
    sent = (asked.value.post_data_buffer or b"").decode(errors="replace")
    assert 'name="upscaler"\r\n\r\nlatent' in sent
    page.locator('[data-field="upscaler"] .problem', has_text="no upsampler of latents").wait_for()
    page.click("#media-remove")
    expect(page.locator("#upscaler")).to_have_value("")


def test_a_video_is_made_larger_alone_and_again(
    open_page: Open, service: LiveService, beach: Path, tmp_path: Path
):
    page = open_page(locale="pt-BR")
    ready(page)
    page.set_input_files("#media", beach)
    expect(page.locator("#way")).to_have_value("refine")
    for gone in ("prompt", "resolution", "seed", "option-step_seconds", "loras"):
        assert not page.is_visible(f"#{gone}"), gone
    page.click("#start")
    source = page.locator('[data-field="frame_interpolation_exp"] .problem')
    expect(source).to_contain_text("Escolha a suavidade")
    page.select_option("#upscaling_scale", "2")
    expect(source).to_have_count(0)
    found = Axe().run(page).response["violations"]
    assert [rule["id"] for rule in found if rule["impact"] in ("serious", "critical")] == []
    first = start(page)
    page.locator("#stage video").wait_for()
    job = service.job(first)
    assert (job["requested"]["strength"], job["result"]["width"]) == (0, 128)
    expect(card(page, first)).to_contain_text(re.compile("128 . 96"))
    expect(card(page, first).locator(".words")).to_have_text("Só mais suave ou maior")
    page.click("#language")
    expect(page.locator("#stage .prompt")).to_have_text("Only smoother or larger")

    page.click("#media-remove")
    assert page.is_visible("#prompt")
    page.click("#stage details > summary")
    page.click("text=Make one from it")
    page.select_option("#way", "refine")
    page.select_option("#frame_interpolation_exp", "1")
    page.select_option("#upscaling_scale", "")
    second = start(page)
    asked = service.wait_for(second, "completed")["requested"]
    assert (asked["video"], asked["strength"]) == ({"job": first}, 0)

    film(tmp_path / "long.mp4", 61 * 8, 8, "64x48")
    page.set_input_files("#media", tmp_path / "long.mp4")
    expect(page.locator("#source-remove")).to_be_hidden()  # there is one video: the newer one
    words = page.locator("#media-problem", has_text="60 are allowed. Cut it. MAX_INPUT")
    words.wait_for()
    page.set_input_files("#media", {**_file("none.mp4"), "buffer": b"no video at all"})
    page.locator("#media-problem", has_text="none.mp4 is not taken").wait_for()


def _file(name: str) -> Any:
    return {"name": name, "mimeType": "video/mp4"}


@pytest.fixture(scope="module")
def repeating(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveService]:
    """A service that remembers what it made."""
    service = LiveService(tmp_path_factory.mktemp("repeats"), request_cache="on").start()
    yield service
    service.close()


def test_what_was_made_before_says_so_and_is_made_again_by_one_click(
    open_page: Open, repeating: LiveService
):
    first = repeating.finish(seed=1)["id"]
    page = open_page()
    page.goto(f"{repeating.url}/ui/")
    again = make(page, "a bar", seed="1")
    assert "made before" in card(page, again).inner_text()
    assert "made before" not in card(page, first).inner_text()
    page.locator("#stage details summary").click()
    told = page.locator("#stage dl")
    assert first in told.inner_text()
    assert "Took" not in told.inner_text(), "it took nothing"

    assert card(page, first).get_by_text("Make anyway").count() == 0
    card(page, again).get_by_role("button", name="Make anyway: a bar").click()
    page.wait_for_function("before => location.hash !== before", arg=f"#{again}")
    anew = repeating.wait_for(page.evaluate("location.hash.slice(1)"), "completed")
    assert (anew["cached_from"], anew["requested"]["no_cache"]) == (None, True)
    page.check("#no_cache")
    assert repeating.job(start(page))["requested"]["no_cache"] is True


def test_one_that_began_with_a_file_wants_it_again(
    open_page: Open, repeating: LiveService, beach: Path
):
    page = open_page()
    page.goto(f"{repeating.url}/ui/")
    ready(page)
    page.set_input_files("#media", beach)
    page.select_option("#upscaling_scale", "2")
    repeating.wait_for(start(page), "completed")
    last = start(page)
    assert repeating.wait_for(last, "completed")["cached_from"]
    page.locator("#stage").get_by_role("button", name="Make anyway").click()
    page.locator("#media-problem", has_text="This video began with a file").wait_for()
    assert page.is_checked("#no_cache")
    page.set_input_files("#media", beach)
    expect(page.locator("#way")).to_have_value("refine")
    assert repeating.wait_for(start(page), "completed")["cached_from"] is None
