"""A finished video is taken: it goes on, or a span of it is made anew."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import Open
from tests.browser.steps import ready, start
from tests.live import LiveService


def test_a_finished_video_is_made_from(open_page: Open, service: LiveService):
    first = service.finish(prompt="a kite", num_frames=9, fps=8)
    page = open_page(f"#{first['id']}")
    page.click("#stage details > summary")
    page.click("text=Make one from it")
    expect(page.locator("#way")).to_be_focused()
    options = page.locator("#way option").all_text_contents()
    assert options == [
        "It goes on",
        "A span of it is made anew",
        "Its last frame is the first",
        "Only smoother or larger",
    ]
    page.fill("#prompt", "a kite falls")
    found = Axe().run(page).response["violations"]
    assert [rule["id"] for rule in found if rule["impact"] in ("serious", "critical")] == []
    longer = start(page)
    assert service.wait_for(longer, "completed")["requested"]["extend"] == first["id"]

    page.select_option("#way", "retake")
    page.fill("#retake_from", "0.25")
    page.fill("#retake_to", "9")
    page.click("#start")
    page.locator(".problem", has_text="retake.to is 9").wait_for()
    page.fill("#retake_to", "0.5")
    again = start(page)
    span = {"job": first["id"], "from": 0.25, "to": 0.5}
    assert service.wait_for(again, "completed")["requested"]["retake"] == span

    page.click("text=Begin without it")
    expect(page.locator("#source")).to_be_hidden()
    plain = service.wait_for(start(page), "completed")
    assert "retake" not in plain["requested"]


def test_one_that_went_on_from_a_finished_video_does_so_again(
    open_page: Open, service: LiveService
):
    """Kind of fault: what a job was made from is left out, without a word."""
    first = service.finish(prompt="a kite", num_frames=9, fps=8)
    went_on = first["requested"] | {"video": {"job": first["id"]}}

    def continuing(page: Page) -> None:
        """A checkpoint that does not go on from a video's end, but from its beginning."""

        def able(route: Route) -> None:
            route.fulfill(json=route.fetch().json() | {"capabilities": ["video_continuation"]})

        def made(route: Route) -> None:
            route.fulfill(json=first | {"requested": went_on})

        page.route("**/info", able)
        page.route(f"**/jobs/{first['id']}", made)

    page = open_page(f"/ui/#{first['id']}", prepare=continuing)
    ready(page)
    page.click("text=Use these settings again")
    expect(page.locator("#way")).to_have_value("continue")
    with page.expect_request(lambda request: "dry_run" not in (request.post_data or "d")) as asked:
        page.click("#start")
    assert asked.value.post_data_json["video"] == {"job": first["id"]}
