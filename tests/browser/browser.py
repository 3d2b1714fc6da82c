"""A Chromium that is installed on this machine, and what its pages said and asked for."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from playwright.sync_api import Browser, ConsoleMessage, Page, Playwright, Request

_BROWSERS = ("chromium-headless-shell", "chromium", "google-chrome")
"""The first has no windows at all, and takes half of the others' time."""
CHROMIUM = next(filter(None, map(shutil.which, _BROWSERS)), None)
_ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",  # containers have 64 MB of it
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}


@contextmanager
def chromium(playwright: Playwright, *arguments: str) -> Iterator[Browser]:
    """Start the browser, with ``arguments`` more; it ends with the block."""
    args = [*_ARGUMENTS, *arguments]
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=args)
    yield browser
    browser.close()


@dataclass
class Witness:
    """What a page complained about, and whom it asked."""

    complaints: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)

    def watch(self, page: Page) -> None:
        """Note everything from now on."""
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", self._asked)

    def _heard(self, message: ConsoleMessage) -> None:
        if "/preview?" in message.location["url"] and "404" in message.text:
            return  # the job ended between the news of a preview and the look at it
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.text} ({message.location['url']})")

    def _asked(self, request: Request) -> None:
        if host := urlsplit(request.url).netloc:  # none: a picture of the page's own (blob:)
            self.hosts.add(host)
