"""Take the pictures of the page in docs/screenshots: ``python -m tests.browser.screenshots``."""

from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Browser, Page, sync_playwright

from scripts.shapes.weights import install
from tests.browser.browser import CHROMIUM, DESKTOP, PHONE, chromium
from tests.browser.steps import PLAYS, describe, make, ready, start
from tests.live import ROOT, LiveService

FOLDER = ROOT / "docs" / "screenshots"
SMALL = {"resolution": "160x128", "num_frames": "13", "num_inference_steps": "20"}
HISTORY = (
    ("A yellow star moves to the lower right on a grey background", 3),
    ("Um quadrado azul vai para cima sobre um fundo branco", 6),
    ("A green triangle goes left slowly on a black background", 4),
)


def main() -> None:
    """Start the small trained model, use its page, and keep what it looks like."""
    if CHROMIUM is None:
        raise SystemExit("no chromium on this machine (apt-get install chromium)")
    with TemporaryDirectory() as folder, sync_playwright() as started, chromium(started) as browser:
        service = _service(Path(folder))
        try:
            for prompt, seed in HISTORY:
                service.finish(prompt=prompt, seed=seed, timeout=240, **SMALL)
            for scheme in ("light", "dark"):
                _desktop(browser, service, scheme)
                _phone(browser, service, scheme)
        finally:
            service.close()


def _service(folder: Path) -> LiveService:
    siblings = "ltx2=:8001,wan21=:8002,magi1=:8003,waver=:8099"
    install("waver", folder / "models")
    service = LiveService(
        folder, "waver.app", "waver", siblings=siblings, memory_floor_gb=0, preview_every=1
    )
    return service.start()


def _page(browser: Browser, service: LiveService, size: dict[str, int], scheme: str) -> Page:
    page = browser.new_page(viewport=size, color_scheme=scheme, locale="en-US")  # type: ignore
    page.set_default_timeout(90_000)
    page.goto(service.url + "/ui/")
    ready(page)
    return page


def _desktop(browser: Browser, service: LiveService, scheme: str) -> None:
    page = _page(browser, service, DESKTOP, scheme)
    make(page, "A red circle moves to the right", seed="8", **SMALL)
    page.click("#more > summary")
    page.locator("#stage video").evaluate(PLAYS)
    page.locator("#stage video").evaluate("video => video.pause()")
    _keep(page, f"desktop-{scheme}")
    page.close()


def _phone(browser: Browser, service: LiveService, scheme: str) -> None:
    page = _page(browser, service, PHONE, scheme)
    many = {**SMALL, "num_inference_steps": "100"}
    describe(page, "A purple star moves up", seed="2", **many)
    start(page)
    page.locator(".doing", has_text="step 9").wait_for()
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
