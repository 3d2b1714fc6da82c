"""The trainer's page: an archive is chosen, and the video that shows the LoRA plays."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from scripts.shapes.scenes import Colour
from scripts.shapes.weights import REPOSITORIES, install
from tests.browser.conftest import Open
from tests.browser.steps import start
from tests.integration.test_models import serving
from tests.live import LiveService
from tests.sets import of_colour, with_captions, zipped

ASKED = {"prior_loss_weight": 0.5, "num_inference_steps": 2, "guidance_scale": 3, "seed": 7}
"""What a LoRA and the video that shows it are made with, beside what a person chooses first."""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveService]:
    """A trainer, in place of the toy."""
    models = tmp_path_factory.mktemp("models")
    install("waver", models)
    folder = tmp_path_factory.mktemp("trainer")
    with serving("trainer", models, folder, checkpoint=REPOSITORIES["waver"]) as service:
        yield service


@pytest.mark.slow
def test_from_an_archive_to_a_video(open_page: Open, service: LiveService, tmp_path: Path):
    page = open_page()
    page.locator("#name").wait_for()
    assert page.get_attribute("#form", "aria-label") == "New LoRA"
    page.locator("#estimate", has_text="Choose a ZIP").wait_for()
    expect(page.locator(".problem:visible")).to_have_count(0)  # nobody has done anything yet
    page.click("#start")
    page.locator(".problem", has_text="Give it a name").wait_for()
    page.fill("#name", "kites")
    page.click("#start")
    page.locator(".problem", has_text="Choose a ZIP").wait_for()

    archive = tmp_path / "set.zip"
    archive.write_bytes(zipped([("a.txt", b"a kite")]))
    page.set_input_files("#clips", archive)
    page.click("#start")
    page.locator("#clips-problem", has_text="no video and no picture").wait_for()

    archive.write_bytes(with_captions(of_colour(Colour.ORANGE, 1), tmp_path))
    page.set_input_files("#clips", archive)
    if not page.is_visible("#steps"):
        page.click("#more > summary")
    page.fill("#steps", "2")
    page.fill("#rank", "1")
    for name, value in ASKED.items():
        page.fill(f"#{name}", str(value))
    job_id = start(page)
    page.locator("#stage video").wait_for(timeout=120_000)
    job = service.job(job_id)
    assert (job["requested"]["steps"], job["requested"]["rank"]) == (2, 1)
    assert ASKED.items() <= job["requested"].items()
    assert str(page.get_attribute("#stage video", "src")).endswith(f"/jobs/{job_id}/validation")

    for name in ASKED:
        page.fill(f"#{name}", "")
    page.click("text=Use these settings again")
    for name, value in ASKED.items():
        assert page.input_value(f"#{name}") == str(value), "nothing of it is left out"

    page.click("#language")
    expect(page.locator("label[for=name]")).to_have_text("Nome")
    found = Axe().run(page).response["violations"]
    assert [rule["id"] for rule in found if rule["impact"] in ("serious", "critical")] == []
