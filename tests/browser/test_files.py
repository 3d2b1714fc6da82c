"""Kind of fault: a file that is not taken is lost from sight, and the video is made without it."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import Open
from tests.browser.pictures import png
from tests.browser.steps import describe, make, ready, start
from tests.live import LiveService

File = dict[str, Any]
REFUSAL = "#media-problem [role=alert]"
GOOD: File = {"name": "good.png", "mimeType": "image/png", "buffer": png(64)}


def file(name: str, kind: str, data: bytes) -> File:
    return {"name": name, "mimeType": kind, "buffer": data}


def _few_pixels(page: Page) -> None:
    def answer(route: Route) -> None:
        config = route.fetch().json()
        config["uploads"]["max_image_pixels"] = 4000
        route.fulfill(json=config)

    page.route("**/ui/config", answer)


def _everything(page: Page) -> None:
    """A model that takes pictures and videos."""

    def answer(route: Route) -> None:
        info = route.fetch().json()
        route.fulfill(json=info | {"capabilities": ["image_to_video", "video_continuation"]})

    page.route("**/info", answer)


def _pictures_alone(page: Page) -> None:
    def answer(route: Route) -> None:
        route.fulfill(json=route.fetch().json() | {"capabilities": ["image_to_video"]})

    page.route("**/info", answer)


def _refusing(status: int, code: str, param: str | None) -> Callable[[Page], None]:
    """A service that takes none of the files that it gets."""
    error = {"code": code, "message": "It is not as it must be.", "param": param, "hint": "Do so."}

    def answer(route: Route) -> None:
        if "multipart" in (route.request.headers.get("content-type") or ""):
            route.fulfill(status=status, json={"error": error})
        else:
            route.continue_()

    return lambda page: page.route("**/generate", answer)


@pytest.mark.parametrize(
    ("chosen", "words", "prepare"),
    [
        ([file("notes.txt", "text/plain", b"-")], "What is taken: PNG", str),
        ([file("film.mkv", "", b"-")], "What is taken: PNG", _pictures_alone),
        ([file("none.png", "image/png", b"")], "is empty", str),
        ([file("broken.png", "image/png", b"no picture")], "cannot be read", str),
        ([file("large.png", "image/png", bytes(2_000_000))], "It has 2 MB; 1 MB are", str),
        ([file("wide.png", "image/png", png(100))], "4,800 pixels; 4,000 are", _few_pixels),
        ([GOOD, GOOD], "2 files A video begins with one", str),
    ],
    ids=["kind", "a video", "empty", "damaged", "bytes", "pixels", "two"],
)
def test_a_refusal_stands_until_the_next_choice_and_nothing_is_made_without_the_file(
    open_page: Open,
    service: LiveService,
    chosen: list[File],
    words: str,
    prepare: Callable[[Page], None],
):
    page = open_page(prepare=prepare)
    describe(page, "It moves")
    page.evaluate("document.getElementById('media').multiple = true")
    page.set_input_files("#media", chosen)
    page.locator(REFUSAL, has_text=words).wait_for()
    page.fill("#duration", "2")
    page.locator("#estimate", has_text="Nothing was sent").wait_for()
    page.click("#start")
    page.locator("#form-problem", has_text="Nothing was sent").wait_for()
    assert page.evaluate("document.activeElement.id") == "media"
    assert page.get_attribute("#media", "aria-invalid") == "true"
    assert "media-problem" in (page.get_attribute("#media", "aria-describedby") or "")
    assert words in page.inner_text(REFUSAL)
    assert service.jobs() == []

    small = file("small.png", "image/png", png(64))
    page.set_input_files("#media", small)
    page.locator("#media-about", has_text="small.png, 64").wait_for()
    assert page.locator(REFUSAL).count() == 0
    assert page.get_attribute("#media", "aria-invalid") == "false"
    job_id = start(page)
    assert service.job(job_id)["requested"]["image"] == "png 64x48"


def test_a_refused_file_can_be_removed(open_page: Open, service: LiveService):
    """Without it is a choice, too, but a person's own."""
    page = open_page()
    describe(page, "Words alone")
    page.set_input_files("#media", file("notes.txt", "text/plain", b"-"))
    page.locator(REFUSAL).wait_for()
    page.click("#media-remove")
    assert page.locator(REFUSAL).count() == 0
    assert "image" not in service.job(start(page))["requested"]


@pytest.mark.parametrize(
    ("status", "code", "param"),
    [
        (422, "invalid_request", "image"),
        (413, "body_too_large", None),
        (415, "unsupported_media_type", None),
        (503, "busy", "image"),
    ],
)
def test_what_the_service_refuses_stands_until_the_next_choice(
    open_page: Open, service: LiveService, status: int, code: str, param: str | None
):
    page = open_page(prepare=_refusing(status, code, param))
    describe(page, "It moves")
    page.set_input_files("#media", GOOD)
    refusal = page.locator(
        REFUSAL, has_text="good.png is not taken. It is not as it must be. Do so."
    )
    refusal.wait_for()
    page.fill("#prompt", "It moves again")
    page.click("#start")
    expect(page.locator("#media")).to_be_focused()
    assert refusal.is_visible()
    assert service.jobs() == []
    page.click("#media-remove")
    assert page.locator(REFUSAL).count() == 0


@pytest.mark.parametrize(
    ("names", "field"),
    [
        ("a.png b.JPG c.jpeg d.webp e.heic f.HEIF g.avif h.gif", "image"),
        ("a.mp4 b.mov c.mkv d.webm e.M4V f.3gp", "video"),
    ],
)
def test_what_people_have_is_taken_by_the_end_of_its_name(open_page: Open, names: str, field: str):
    """Kind of fault: a common file cannot be chosen, since the browser knows no type for it."""
    page = open_page(prepare=_everything)
    ready(page)
    boxed = b"\0\0\0\x18ftypheic"  # no browser here shows it, and the service may
    for name in names.split():
        end = name[1:].lower()
        assert end in (page.get_attribute("#media", "accept") or "").split(",")
        with page.expect_request(lambda request: request.method == "POST") as asked:
            page.set_input_files("#media", file(name, "application/octet-stream", boxed))
            page.locator("#media-about", has_text=f"{name}, 1 kB. This browser cannot").wait_for()
        assert f'name="{field}"; filename="{name}"' in (asked.value.post_data or "")


def test_a_file_that_was_changed_since_is_chosen_again(open_page: Open, tmp_path: Path):
    """Kind of fault: a file on the disk is another one when it is sent."""
    path = tmp_path / "mine.png"
    path.write_bytes(png(64))
    page = open_page()
    describe(page, "It moves")
    page.set_input_files("#media", path)
    page.locator("#media-about", has_text="mine.png, 64").wait_for()
    path.write_bytes(png(640))
    page.click("#start")
    page.locator(REFUSAL, has_text="It was moved or changed since").wait_for()


def test_a_video_that_began_with_a_file_wants_it_again(open_page: Open, service: LiveService):
    page = open_page()
    ready(page)
    page.set_input_files("#media", GOOD)
    page.locator("#media-about", has_text="good.png, 64").wait_for()
    make(page, "It moves")
    page.click("text=Use these settings again")
    page.locator(REFUSAL, has_text="This video began with a file. Add the file again").wait_for()
    page.click("#start")
    page.locator("#form-problem", has_text="Nothing was sent").wait_for()
    assert len(service.jobs()) == 1


CLIPBOARD = """async ({ text, bytes }) => {
    const kinds = { "image/png": new Blob([new Uint8Array(bytes)], { type: "image/png" }) };
    if (text) kinds["text/plain"] = new Blob([text], { type: "text/plain" });
    await navigator.clipboard.write([new ClipboardItem(kinds)]);
}"""


@pytest.mark.parametrize(
    ("text", "focus", "taken"),
    [("From a sheet", "prompt", False), ("From a sheet", "start", True), ("", "prompt", True)],
)
def test_text_from_an_office_program_stays_text(
    open_page: Open, text: str, focus: str, taken: bool
):
    """Kind of fault: what comes beside what was meant is taken as well."""
    page = open_page(permissions=["clipboard-read", "clipboard-write"])
    ready(page)
    page.evaluate(CLIPBOARD, {"text": text, "bytes": list(png(64))})
    page.focus(f"#{focus}")
    page.keyboard.press("Control+V")
    if taken:
        page.locator("#media-about", has_text=re.compile("png, 64 . 48")).wait_for()
    assert page.input_value("#prompt") == ("" if taken else text)
    assert page.locator("#media-preview img").count() == int(taken)


def _drop(page: Page, at: str, *, files: tuple[Path, ...] = (), text: str = "") -> None:
    """As a person does it, with the browser's own events."""
    box = page.locator(at).bounding_box()
    assert box is not None
    items = [{"mimeType": "text/plain", "data": text}] if text else []
    data = {"items": items, "files": [str(path) for path in files], "dragOperationsMask": 1}
    place = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2, "data": data}
    protocol = page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver", "drop"):
        protocol.send("Input.dispatchDragEvent", {"type": kind, **place})


@pytest.fixture
def dropped(tmp_path: Path) -> dict[str, Path]:
    (tmp_path / "folder").mkdir()
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(png(64))
    return {path.stem: path for path in tmp_path.iterdir()}


@pytest.mark.parametrize("at", ["#media-drop", "#title", "#prompt"])
def test_a_file_may_be_dropped_anywhere_and_the_page_stays(
    open_page: Open, dropped: dict[str, Path], at: str
):
    """Kind of fault: a file that is dropped beside its field takes the page's place."""
    page = open_page()
    ready(page)
    _drop(page, at, files=(dropped["a"],))
    page.locator("#media-about", has_text="a.png, 64").wait_for()
    assert "/ui/" in page.url


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (("a", "b"), "2 files A video begins with one"),
        (("folder",), "folder is not taken. It is a"),
    ],
)
def test_several_files_and_folders_are_refused_in_words(
    open_page: Open, dropped: dict[str, Path], names: tuple[str, ...], words: str
):
    page = open_page()
    ready(page)
    _drop(page, "#media-drop", files=tuple(dropped[name] for name in names))
    page.locator(REFUSAL, has_text=words).wait_for()


def test_text_is_dropped_where_text_goes(open_page: Open):
    page = open_page()
    ready(page)
    page.set_input_files("#media", GOOD)
    page.locator("#media-about", has_text="good.png, 64").wait_for()
    _drop(page, "#media-drop", text="lost")
    _drop(page, "#prompt", text="A red kite")
    expect(page.locator("#prompt")).to_have_value("A red kite")
    assert "good.png" in page.inner_text("#media-about")
