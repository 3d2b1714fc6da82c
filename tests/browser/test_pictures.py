"""Pictures at the end of a video and on its way: files, or frames of the video that is shown."""

from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.browser import PHONE, Witness
from tests.browser.conftest import Open
from tests.browser.pictures import png
from tests.browser.steps import describe, ready, start
from tests.films import film
from tests.integration.test_requests_doc import JOB, finished_elsewhere
from tests.live import LiveService


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveService]:
    """A service that takes them, without weights: what it accepts it cannot make."""
    folder = tmp_path_factory.mktemp("pictures")
    finished_elsewhere(folder)
    service = LiveService(folder, "ltx2.app", "ltx2", max_json_mb=1)
    yield service
    service.close()


def picture(width: int) -> Any:
    return {"name": f"{width}.png", "mimeType": "image/png", "buffer": png(width)}


def row(page: Page, number: int) -> Any:
    return page.get_by_role("group", name=f"Picture {number}", exact=True)


def grave(page: Page) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [rule["id"] for rule in found if rule["impact"] in ("serious", "critical")]


def test_pictures_are_chosen_sent_and_chosen_again(
    open_page: Open, service: LiveService, witness: Witness
):
    page = open_page(viewport=PHONE)
    describe(page, "A kite climbs", duration="2")
    assert not page.is_visible("#last_image"), "folded"
    page.click("#pictures > summary")
    page.set_input_files("#media", picture(64))
    page.set_input_files("#last_image", picture(72))
    page.locator("#last_image-about", has_text="72.png").wait_for()
    for number, frame in ((1, "8"), (2, "-9"), (3, "16")):
        page.click("#keyframe-add")
        page.keyboard.press("Shift+Tab")  # and back: it is reached without a mouse
        page.keyboard.press("Tab")
        row(page, number).locator("input[type=file]").set_input_files(picture(80 + number))
        row(page, number).get_by_label("At frame").fill(frame)
    row(page, 2).get_by_label("Strength").fill("0.5")
    page.locator(".rows img").nth(2).wait_for()
    assert grave(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    row(page, 3).get_by_text("Remove this picture").click()
    expect(page.locator("#keyframe-add")).to_be_focused()
    job = service.job(start(page))["requested"]
    assert (job["image"], job["last_image"]) == ("png 64x48", "png 72x48")
    assert job["keyframes"] == [{"frame": 8}, {"frame": -9, "strength": 0.5}]

    page.click("text=Use these settings again")
    for place in ("#media", "#last_image", "[id^=keyframe]:is(input[type=file])"):
        for each in page.locator(place).all():
            assert each.get_attribute("aria-invalid") == "true", "its file is not here"
    assert row(page, 2).get_by_label("At frame").input_value() == "-9"
    page.click("#start")
    page.locator("#form-problem", has_text="Nothing was sent").wait_for()
    assert [each for each in witness.complaints if "/generate" not in each] == []


def test_what_is_wrong_with_a_picture_is_said_at_it(open_page: Open, service: LiveService):
    page = open_page()
    describe(page, "A kite", duration="2")
    page.click("#pictures > summary")
    wrong: Any = {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"-"}
    page.set_input_files("#last_image", wrong)
    page.locator('[data-field="last_image"] .problem', has_text="notes.txt is not taken").wait_for()
    page.click("#last_image-remove")

    page.click("#keyframe-add")
    said = page.locator('[data-field="keyframes.0.image"] .problem')
    page.click("#start")
    expect(said).to_contain_text("Choose a picture")
    row(page, 1).locator("input[type=file]").set_input_files(picture(64))
    page.locator(".rows img").wait_for()
    page.click("#start")
    at = page.locator('[data-field="keyframes.0.frame"] .problem')
    expect(at).to_contain_text("Say at which frame")
    row(page, 1).get_by_label("At frame").fill("500")
    expect(at).to_contain_text("49 frames are made")  # the service's words, before any start
    page.click("#pictures > summary")
    page.click("#start")
    expect(row(page, 1).get_by_label("At frame")).to_be_focused()
    row(page, 1).get_by_label("At frame").fill("0")
    expect(at).to_have_count(0)
    assert service.jobs() == []

    broken: Any = {"name": "ok.heic", "mimeType": "image/heic", "buffer": b"\0\0\0\x18ftypheic"}
    page.set_input_files("#last_image", broken)  # the service alone can tell
    expect(page.locator('[data-field="last_image"] .problem')).to_contain_text("picture")
    large: Any = {"name": "l.png", "mimeType": "image/png", "buffer": bytes(900_000)}
    page.set_input_files("#last_image", large)
    page.locator('[data-field="last_image"] .problem', has_text="0.8 MB are the most").wait_for()


def test_a_named_frame_is_chosen_again(open_page: Open, service: LiveService):
    frame = {"job": JOB, "frame": 3}
    keyframes = [{"image": {"job": JOB}, "frame": 24}]
    job_id = service.submit(last_image=frame, keyframes=keyframes, num_frames=49)
    page = open_page(f"/ui/#{job_id}")
    ready(page)
    page.click("text=Use these settings again")
    expect(page.locator("#last_image-about")).to_have_text(f"Frame 3 of video {JOB[:8]}")
    expect(row(page, 1)).to_contain_text(f"Last frame of video {JOB[:8]}")
    again = service.job(start(page))["requested"]
    assert (again["last_image"], again["keyframes"]) == (frame, keyframes)


@pytest.fixture(scope="module")
def vace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveService]:
    """A service that is shown who or what a video shows, and follows one; without weights."""
    folder = tmp_path_factory.mktemp("vace")
    finished_elsewhere(folder)
    checkpoint = "Wan-AI/Wan2.1-VACE-1.3B-diffusers"
    service = LiveService(folder, "wan21.app", "wan21", wan21_checkpoint=checkpoint).start()
    yield service
    service.close()


def reference(page: Page, number: int) -> Any:
    return page.get_by_role("group", name=f"Reference picture {number}", exact=True)


def check_rows(page: Page) -> None:
    """No more than four, none of them without a picture; in both languages."""
    for _ in range(2):
        page.focus("#reference-add")
        page.keyboard.press("Enter")
    expect(page.locator("#reference-add")).to_be_disabled()
    page.click("#start")
    expect(reference(page, 3)).to_contain_text("Choose a picture, or remove this one.")
    expect(reference(page, 3).locator("input[type=file]")).to_be_focused()
    for number in (4, 3):
        reference(page, number).get_by_text("Remove this picture").click()
    assert grave(page) == []
    page.click("#language")
    expect(page.locator("#reference_images")).to_contain_text("Imagem de referência 2")
    expect(page.locator("#way-about")).to_contain_text("é seguido quadro a quadro")
    page.click("#language")


def check_errors(page: Page) -> None:
    """Of a picture beside a video that is uploaded."""
    own = reference(page, 1).locator("input[type=file]")
    wrong: Any = {"mimeType": "image/heic", "buffer": b"\0\0\0\x18ftypheic"}
    own.set_input_files({**wrong, "name": "no.heic"})  # the service alone can tell
    at = page.locator('[data-field="reference_images.0"] .problem')
    expect(at).to_contain_text("damaged or incomplete")
    large = wrong["buffer"] + bytes(1_600_000)
    own.set_input_files({**wrong, "name": "large.heic", "buffer": large})
    told = page.locator('[data-field="pictures"] > .problem', has_text="1.5 MB are the most")
    told.wait_for()
    own.set_input_files(picture(72))
    expect(told).to_have_count(0)


def test_references_and_a_video_that_is_followed(
    open_page: Open, vace: LiveService, tmp_path: Path
):
    film(tmp_path / "poses.mp4", 9, 8, "64x48")
    named = {"job": JOB, "frame": 3}
    sent = b64encode(png(64)).decode()
    first = vace.submit(reference_images=[sent, named], video={"job": JOB}, num_frames=9)
    page = open_page(viewport=PHONE)
    page.goto(f"{vace.url}/ui/#{first}")
    ready(page)
    page.click("text=Use these settings again")
    expect(page.locator("#way")).to_have_value("follow")
    expect(page.locator("#way-about")).to_contain_text("followed frame by frame")
    expect(reference(page, 2)).to_contain_text(f"Frame 3 of video {JOB[:8]}")
    assert page.is_hidden("#keyframes"), "the checkpoint takes none"
    own = reference(page, 1).locator("input[type=file]")
    assert own.get_attribute("aria-invalid") == "true", "its file is not here"
    own.set_input_files(picture(64))
    page.locator(".rows img").wait_for()
    check_rows(page)
    asked = vace.job(start(page))["requested"]
    assert (asked["reference_images"], asked["video"]) == ([None, named], {"job": JOB})

    page.set_input_files("#media", tmp_path / "poses.mp4")
    page.locator("#media-about", has_text="poses.mp4, 64").wait_for()
    options = page.locator("#way option").all_text_contents()
    assert options == ["The new one moves as it does", "Only smoother or larger"]
    check_errors(page)
    job = vace.job(start(page))
    asked, resolved = job["requested"], job["resolved"]
    assert asked["reference_images"] == [None, named]
    assert resolved["video"].endswith(".mp4")
    assert len(resolved["reference_images"]) == 2
