"""The cutting room's page: files are chosen, and what comes of them plays, reads and downloads."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests import speech
from tests.browser.browser import Witness
from tests.browser.conftest import Open
from tests.browser.steps import PLAYS, card, ready, start
from tests.films import film, sound_only
from tests.integration.test_models import serving
from tests.live import LiveService

SRT = "1\n00:00:00,100 --> 00:00:00,900\nHELLO\n"
SAID = "The quick brown fox jumps over the lazy dog."


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveService]:
    """A cutting room, in place of the toy."""
    folder = tmp_path_factory.mktemp("studio")
    variant = speech.tiny_en(folder / "models")
    with serving("studio", folder / "models", folder, studio_checkpoint=variant.name) as service:
        yield service


def test_a_video_gets_captions_plays_and_is_downloaded(
    open_page: Open, service: LiveService, witness: Witness, tmp_path: Path
):
    page = open_page()
    ready(page)
    assert page.get_attribute("#form", "aria-label") == "New edit"
    assert page.locator("#form .problem:visible").count() == 0
    page.select_option("#operation", "caption")
    page.click("#start")
    problem = page.locator("[data-field='caption.video'] .problem")
    expect(problem).to_have_text("Choose a video.")
    page.set_input_files("#caption-video", film(tmp_path / "a.mp4", 24))
    expect(problem).to_have_count(0)
    (tmp_path / "a.srt").write_text(SRT)
    page.set_input_files("#caption-captions", tmp_path / "a.srt")
    page.select_option("[id='caption-style.place']", "top")
    page.click("#more > summary")
    page.fill("#output_filename", "hello.mp4")
    page.fill("#path", "films")
    expect(page.locator("#estimate")).to_contain_text("memory")
    job_id = start(page)

    page.locator("#stage video").wait_for()
    assert page.locator("#stage video").evaluate(PLAYS) > 0.3
    with page.expect_download() as download:
        page.click("#stage >> text=Download")
    assert download.value.path().read_bytes()[4:8] == b"ftyp"
    assert download.value.suggested_filename == "hello.mp4"
    task = service.job(job_id)["requested"]["task"]
    assert task["style"] == {"place": "top"}
    assert "mode" not in task
    expect(card(page, job_id).locator(".words")).to_have_text("Captions for a video")
    page.click("#stage summary")
    expect(page.locator("#stage dd >> text=captions: 1")).to_be_visible()
    page.select_option("#operation", "edit")
    page.fill("#output_filename", "")
    page.click("text=Use these settings again")
    assert page.input_value("#output_filename") == "hello.mp4"
    assert page.input_value("#operation") == "caption"
    assert page.input_value("[id='caption-style.place']") == "top"
    assert witness.complaints == []


def test_a_transcript_is_read_and_templates_are_offered_in_both_languages(
    open_page: Open, service: LiveService, witness: Witness, tmp_path: Path
):
    page = open_page()
    ready(page)
    speech.say(tmp_path / "a.wav", [(0.2, SAID)], 4)
    page.set_input_files("#transcribe-audio", tmp_path / "a.wav")
    job_id = start(page)
    expect(page.locator("#stage pre")).to_contain_text("brown fox", timeout=60_000)
    page.click("#stage summary")
    page.locator("#stage dd a", has_text="WebVTT").wait_for()

    page.select_option("#operation", "edit")
    page.select_option("#edit-template", "square")
    expect(page.locator("#of-edit .hint")).to_contain_text("square")
    page.click("#language")
    for operation in ("transcribe", "caption", "img2vid", "addaudio", "edit"):
        page.select_option("#operation", operation)
        words = page.locator(f"#of-{operation} label").all_inner_texts()
        assert words
        assert all(words)
    expect(card(page, job_id).locator(".words")).to_have_text("Escrever o que é dito")
    expect(page.locator("#of-edit label").first).to_have_text("Vídeo")
    found = Axe().run(page).response["violations"]
    assert [rule["id"] for rule in found if rule["impact"] in ("serious", "critical")] == []
    assert witness.complaints == []


def test_what_is_wrong_in_an_operations_field_is_said_at_it(open_page: Open, tmp_path: Path):
    page = open_page()
    ready(page)
    page.set_input_files("#transcribe-audio", film(tmp_path / "a.mp4", 24))
    page.fill("#transcribe-language", "klingon")
    page.click("#start")
    problem = page.locator("[data-field='transcribe.language'] .problem")
    expect(problem).to_contain_text("language")
    page.select_option("#operation", "addaudio")
    page.set_input_files("#addaudio-video", tmp_path / "a.mp4")
    page.set_input_files("#addaudio-audio", sound_only(tmp_path / "a.m4a"))
    page.fill("#addaudio-fade_out", "50")
    page.click("#start")
    expect(page.locator("[data-field='addaudio.fade_out'] .problem")).to_contain_text("longer")
