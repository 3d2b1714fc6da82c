"""``/docs`` in a browser: everything comes from the service, and nothing is asked of others."""

from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.browser.browser import Witness
from tests.browser.conftest import Open
from tests.live import LiveService


@pytest.fixture
def page(open_page: Open) -> Page:
    return open_page("/docs")


def test_the_reference_renders_from_this_host_alone(
    page: Page, service: LiveService, witness: Witness
):
    """A page with scripts of another site: offline it is empty, and its author could read keys."""
    expect(page.locator(".info .title")).to_contain_text("VideosDGX")
    expect(page.locator(".opblock-post").first).to_be_visible()
    assert page.locator(".opblock").count() > 20
    assert witness.hosts == {urlsplit(service.url).netloc}
    assert witness.complaints == []


def test_a_route_can_be_tried(page: Page, witness: Witness):
    """The policy lets the viewer ask the service that it came from."""
    health = page.locator(".opblock", has_text="/health").first
    health.locator(".opblock-summary-control").click()
    health.get_by_role("button", name="Try it out").click()
    health.get_by_role("button", name="Execute").click()
    expect(health.locator(".live-responses-table")).to_contain_text("uptime_seconds")
    assert witness.complaints == []
