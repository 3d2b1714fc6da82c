"""Kind of fault: what a person wrote cannot be read, and the default is silently made instead."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Open
from tests.browser.steps import describe, ready, start
from tests.live import LiveService
from tests.seldom import seldom

ENGLISH, BRAZIL = "en-US", "pt-BR"


@pytest.mark.parametrize("locale", seldom([BRAZIL, ENGLISH, "de-CH"]))
def test_a_comma_and_a_point_are_read_in_every_language(
    open_page: Open, service: LiveService, locale: str
):
    page = open_page(locale=locale)
    others = {"guidance_scale": "0,5", "option_step_seconds": ",01"}
    for text in ("2,5", "2.5", " 2,50 ", "+2.5", "02,5"):
        describe(page, f"As in {text}", duration=text, **others)
        requested = service.job(start(page))["requested"]
        assert (requested["duration"], requested["guidance_scale"]) == (2.5, 0.5), text
        assert requested["options"] == {"step_seconds": 0.01}


def _refused(page: Page, service: LiveService, input_id: str, field: str) -> str:
    """The words at a field, once the button was pressed in vain."""
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if request.post_data else None)
    page.click("#start")
    note = page.locator(f'[data-field="{field}"] .problem[role=alert]')
    note.wait_for()
    wrong = page.locator("[aria-invalid=true]")
    assert wrong.get_attribute("id") == input_id == page.evaluate("document.activeElement.id")
    assert note.get_attribute("id") in (wrong.get_attribute("aria-describedby") or "").split()
    assert (sent, service.jobs()) == ([], [])
    return note.inner_text()


NO_NUMBERS = (
    "abc",
    "1 000",
    "1.000,5",
    "1e3",
    "2,5,5",
    "--1",
    "2,5 s",
    "0x10",
    "Infinity",
    "½",
    "-",
)


def test_what_is_no_number_is_an_error_at_its_field_and_nothing_is_sent(
    open_page: Open, service: LiveService
):
    page = open_page(locale=BRAZIL)
    ready(page)
    for text in NO_NUMBERS:
        page.fill("#prompt", "Never made")
        page.fill("#duration", text)
        words = _refused(page, service, "duration", "duration")
        assert words == f"“{text}” não é um número. Escreva como em 2,5."
        page.fill("#duration", "1")
        page.fill("#prompt", "")
        expect(page.locator(".problem:visible")).to_have_count(0)
        assert page.get_attribute("#duration", "aria-describedby") == "duration-about"


@pytest.mark.parametrize(
    ("locale", "text", "words"),
    [
        (ENGLISH, "1,000", "“1,000” can be read in two ways. Write 1000 or 1.000."),
        (BRAZIL, "1.000", "“1.000” pode ser lido de dois jeitos. Escreva 1000 ou 1,000."),
    ],
)
def test_a_thousand_or_one_is_asked_not_guessed(
    open_page: Open, service: LiveService, locale: str, text: str, words: str
):
    page = open_page(locale=locale)
    ready(page)
    page.fill("#duration", text)
    page.fill("#prompt", "Never made")
    assert _refused(page, service, "duration", "duration") == words


RANGES = [
    ("num_inference_steps", "2,5", "“2,5” is not a whole number. Write digits alone."),
    ("num_inference_steps", "many", "“many” is not a whole number. Write digits alone."),
    ("num_inference_steps", "101", "101 is too large: 100 is the most."),
    ("guidance_scale", "-1", "-1 is too small: 0 is the least."),
    ("seed", "1,5", "“1,5” is not a whole number. Write digits alone."),
    ("seed", "9007199254740992", "9007199254740992 is too large: 9,007,199,254,740,991 is"),
    ("option_bad_seed", "-3", "-3 is too small: 0 is the least."),
]


def test_the_ranges_that_the_service_names_are_said_at_the_field(
    open_page: Open, service: LiveService
):
    page = open_page()
    for field, text, words in RANGES:
        describe(page, "Never made", **{field: text})
        input_id, place = field.replace("option_", "option-"), field.replace("option_", "options.")
        assert _refused(page, service, input_id, place).startswith(words)
        page.fill(f"#{input_id}", "")


def test_another_size_that_is_none_is_not_the_usual_size(open_page: Open, service: LiveService):
    page = open_page()
    ready(page)
    page.select_option("#resolution", "custom")
    for text in ("", "wide", "64", "64x", "6,4x48"):
        page.fill("#size", text)
        page.fill("#prompt", f"Never made in {text}")
        assert "two whole numbers of pixels" in _refused(page, service, "size", "resolution"), text


def test_a_size_is_read_as_people_write_it(open_page: Open, service: LiveService):
    page = open_page()
    ready(page)
    page.select_option("#resolution", "custom")
    for text in ("96x64", "96 X 64", "96\u00d764", " 96 * 64 "):
        page.fill("#size", text)
        page.fill("#prompt", "Of its own size")
        assert service.job(start(page))["requested"]["resolution"] == "96x64", text


def test_settings_come_back_as_the_language_writes_them(open_page: Open, service: LiveService):
    page = open_page(locale=BRAZIL)
    describe(page, "De novo", duration="2,125", guidance_scale="1.5")
    first = start(page)
    page.locator("#stage video").wait_for()
    page.fill("#duration", "")
    page.click("#stage .actions button >> nth=0")
    assert page.input_value("#duration") == "2,125"
    assert page.input_value("#guidance_scale") == "1,5"
    second = start(page)
    assert service.job(second)["requested"] == service.job(first)["requested"]
