"""Take the pictures of the page in docs/screenshots: ``python -m tests.browser.screenshots``."""

import re
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Browser, Page, sync_playwright

from scripts.services import PORTS
from scripts.shapes.asking import PLAIN
from scripts.shapes.captions import english
from scripts.shapes.scenes import Colour, Direction, Scene, Shape
from scripts.shapes.weights import install
from tests.browser.browser import CHROMIUM, DESKTOP, PHONE, chromium
from tests.browser.steps import PLAYS, describe, make, ready, start
from tests.live import ROOT, LiveService

FOLDER = ROOT / "docs" / "screenshots"
MODEL = "waver"
HISTORY = (
    (Scene(Shape.STAR, Colour.YELLOW, Direction.DOWN), 5),
    (Scene(Shape.SQUARE, Colour.TURQUOISE, Direction.UP_LEFT), 2),
    (Scene(Shape.TRIANGLE, Colour.GREEN, Direction.UP), 4),
)
SCENE = Scene(Shape.CIRCLE, Colour.RED, Direction.LEFT)
FIELDS = {"duration": "0.7", "num_inference_steps": "20", "guidance_scale": "1.5", "seed": "1"}


def main() -> None:
    """Start the small trained model, use its page, and keep what it looks like."""
    if CHROMIUM is None:
        raise SystemExit("no chromium on this machine (apt-get install chromium)")
    with TemporaryDirectory() as folder, sync_playwright() as started, chromium(started) as browser:
        service = _service(Path(folder))
        try:
            for scene, seed in HISTORY:
                fields = {**PLAIN, "prompt": english(scene), "seed": seed}
                service.finish(timeout=240, **fields)
            for scheme in ("light", "dark"):
                _desktop(browser, service, scheme)
                _phone(browser, service, scheme)
        finally:
            service.close()


def _service(folder: Path) -> LiveService:
    places = sorted(PORTS.items(), key=lambda place: place[0] != MODEL)
    siblings = ",".join(f"{name}=:{port}" for name, port in places)
    service = LiveService(folder, f"{MODEL}.app", MODEL, siblings=siblings, memory_floor_gb=0)
    install(MODEL, service.models)
    return service.start()


def _page(browser: Browser, service: LiveService, size: dict[str, int], scheme: str) -> Page:
    page = browser.new_page(viewport=size, color_scheme=scheme, locale="en-US")  # type: ignore
    page.set_default_timeout(90_000)
    page.goto(service.url + "/ui/")
    ready(page)
    return page


def _small(page: Page) -> None:
    """The size that the small model was trained for."""
    page.select_option("#resolution", label="Another size")
    page.fill("#size", str(PLAIN["resolution"]))


def _desktop(browser: Browser, service: LiveService, scheme: str) -> None:
    page = _page(browser, service, DESKTOP, scheme)
    _small(page)
    make(page, english(SCENE), **FIELDS)
    page.click("#more > summary")
    page.locator("#stage video").evaluate(PLAYS)
    page.locator("#stage video").evaluate("video => video.pause()")
    _keep(page, f"desktop-{scheme}")
    page.close()


def _phone(browser: Browser, service: LiveService, scheme: str) -> None:
    page = _page(browser, service, PHONE, scheme)
    _small(page)
    describe(page, english(HISTORY[0][0]), **FIELDS | {"num_inference_steps": "60"})
    start(page)
    page.locator(".doing", has_text=re.compile(r"step 5[2-9] ")).wait_for()  # the star is seen
    _keep(page, f"phone-{scheme}")
    page.close()


def _keep(page: Page, name: str) -> None:
    page.evaluate("() => { scrollTo(0, 0); document.activeElement.blur(); }")
    if page.viewport_size == PHONE:
        page.evaluate("document.getElementById('stage').scrollIntoView()")
    page.mouse.move(0, 0)
    FOLDER.mkdir(exist_ok=True)
    page.screenshot(path=FOLDER / f"{name}.png")


if __name__ == "__main__":
    main()
