"""Take the pictures of the page in docs/screenshots: ``python -m tests.browser.screenshots``."""

from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.browser import CHROMIUM, DESKTOP, PHONE, chromium
from tests.browser.steps import PLAYS, describe, make, ready, start
from tests.live import ROOT, LiveService
from tests.toy.model_config import make_checkpoint

FOLDER = ROOT / "docs" / "screenshots"
HISTORY = (
    ("Fog lifts from a pine valley at first light", "832x480", 3),
    ("Evening over rolling hills, the last sun behind a ridge", "832x480", 6),
    ("A drone flies along the coast, warm light", "832x480", 4),
)


def main() -> None:
    """Start a toy that draws, use its page, and keep what it looks like."""
    if CHROMIUM is None:
        raise SystemExit("no chromium on this machine (apt-get install chromium)")
    with TemporaryDirectory() as folder, sync_playwright() as started, chromium(started) as browser:
        service = _service(Path(folder))
        try:
            for prompt, resolution, seed in HISTORY:
                service.finish(prompt=prompt, resolution=resolution, seed=seed, timeout=120)
            for scheme in ("light", "dark"):
                _desktop(browser, service, scheme)
                _phone(browser, service, scheme)
        finally:
            service.close()


def _service(folder: Path) -> LiveService:
    siblings = "scenery=:8099,ltx2=:8001,wan21=:8002,magi1=:8003"
    service = LiveService(
        folder, "tests.browser.scenery", "scenery", siblings=siblings, memory_floor_gb=0
    )
    make_checkpoint(folder / "models", name="scenery")
    return service.start()


def _page(browser: Browser, service: LiveService, size: dict[str, int], scheme: str) -> Page:
    page = browser.new_page(viewport=size, color_scheme=scheme, locale="en-US")  # type: ignore
    page.set_default_timeout(90_000)
    page.goto(service.url + "/ui/")
    ready(page)
    return page


def _desktop(browser: Browser, service: LiveService, scheme: str) -> None:
    page = _page(browser, service, DESKTOP, scheme)
    make(
        page, "Sunset over a mountain range, slow pan, haze in the valleys", duration="3", seed="8"
    )
    page.click("#more > summary")
    page.locator("#stage video").evaluate(PLAYS)
    page.locator("#stage video").evaluate("video => video.pause()")
    _keep(page, f"desktop-{scheme}")
    page.close()


def _phone(browser: Browser, service: LiveService, scheme: str) -> None:
    page = _page(browser, service, PHONE, scheme)
    describe(page, "Hills at dusk", num_inference_steps="20", option_step_seconds="0.5")
    start(page)
    page.locator(".doing", has_text="step 7").wait_for()
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
