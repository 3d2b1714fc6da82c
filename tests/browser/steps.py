"""What a person does at the page."""

from typing import Any

from playwright.sync_api import Page

PLAYS = """video => {
    video.muted = true;
    video.play();
    return new Promise(resolve => {
        const look = () =>
            video.currentTime > 0.3 ? resolve(video.currentTime) : setTimeout(look, 50);
        look();
    });
}"""


def ready(page: Page) -> None:
    """The page has asked the service all that it needs."""
    page.locator("#estimate p").first.wait_for()


def describe(page: Page, prompt: str, **fields: str) -> None:
    """Fill the form; names are those of the API, options of the model begin with ``option_``."""
    ready(page)
    page.fill("#prompt", prompt)
    for name, value in fields.items():
        hidden = page.locator(f"#{css(name)}:visible").count() == 0
        if hidden:
            page.click("#more > summary")
        page.fill(f"#{css(name)}", value)


def css(name: str) -> str:
    """The id of a field."""
    return name.replace("option_", "option-", 1)


def start(page: Page) -> str:
    """Press the button; answers the job's id once the service has it."""
    before = page.evaluate("location.hash")
    page.click("#start")
    page.wait_for_function("before => location.hash !== before", arg=before)
    return str(page.evaluate("location.hash.slice(1)"))


def make(page: Page, prompt: str, **fields: str) -> str:
    """A video, from its description to the player."""
    describe(page, prompt, **fields)
    job_id = start(page)
    page.locator("#stage video").wait_for()
    return job_id


def card(page: Page, job_id: str) -> Any:
    """A job's place in the history."""
    return page.locator(f'#history [data-id="{job_id}"]')
