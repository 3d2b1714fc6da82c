"""Kind of fault: a person is spoken to in a language that is not theirs, or in two at once."""

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.browser import Witness
from tests.browser.conftest import Open
from tests.browser.pictures import png
from tests.browser.steps import describe, make, ready, start
from tests.integration.callers import everyone
from tests.live import LiveService
from tests.unit.test_page_words import PAGE, VIDEO, table

SLOW = {"num_inference_steps": "20", "option_step_seconds": "0.5"}


def _prefers(*languages: str) -> str:
    return f"Object.defineProperty(navigator, 'languages', {{value: {json.dumps(languages)}}})"


@pytest.mark.parametrize(
    ("languages", "lang", "button"),
    [
        (("pt-BR", "en-US"), "pt-BR", "Fazer o vídeo"),
        (("pt-PT",), "pt-BR", "Fazer o vídeo"),
        (("en-GB", "pt-BR"), "en", "Make video"),
        (("fr-FR", "pt", "en"), "pt-BR", "Fazer o vídeo"),
        (("ja",), "en", "Make video"),
        ((), "en", "Make video"),
    ],
)
def test_the_browsers_own_language_is_spoken(
    open_page: Open, languages: tuple[str, ...], lang: str, button: str
):
    page = open_page(prepare=lambda page: page.add_init_script(_prefers(*languages)))
    ready(page)
    assert page.get_attribute("html", "lang") == lang
    expect(page.locator("#start span")).to_have_text(button)


def test_the_switch_keeps_what_stands_on_the_page_and_is_remembered(
    open_page: Open, witness: Witness
):
    page = open_page()
    make(page, "A red kite", duration="2")
    page.select_option("#resolution", "custom")  # first: the picture alone would be refused
    page.fill("#size", "nothing")
    page.set_input_files("#media", {"name": "a.png", "mimeType": "image/png", "buffer": png(72)})
    page.locator("#media-about", has_text="a.png, 72").wait_for()
    page.click("#start")
    page.locator('[data-field="resolution"] .problem', has_text="two whole numbers").wait_for()
    page.click("#language")
    assert page.get_attribute("html", "lang") == "pt-BR"
    expect(page.locator("label[for=prompt]")).to_have_text("Descrição")
    expect(page.locator("#resolution option:checked")).to_have_text("Outro tamanho")
    expect(page.locator('[data-field="resolution"] .problem')).to_contain_text("números inteiros")
    expect(page.locator("#stage")).to_contain_text("duração 2 passa a 2,125")
    expect(page.locator("#history .meta")).to_contain_text("2,13 s")
    expect(page.locator("#language")).to_have_text("English")
    assert page.get_attribute("#prompt", "placeholder") == "Um gato andando na praia ao pôr do sol"
    assert (page.input_value("#prompt"), page.input_value("#size")) == ("A red kite", "nothing")
    assert page.locator("#media-preview img").get_attribute("alt") == "A imagem escolhida"
    page.reload()
    ready(page)
    expect(page.locator("#start span")).to_have_text("Fazer o vídeo")
    assert witness.complaints == []


def test_times_are_written_as_in_the_country(open_page: Open, service: LiveService):
    job_id = service.submit()
    service.wait_for(job_id, "completed")

    def long_ago(page: Page) -> None:
        def answer(route: Route) -> None:
            found = route.fetch().json()
            for job in found["jobs"]:
                job["created_at"] = "2024-02-03T15:04:00+00:00"
            route.fulfill(json=found)

        page.route("**/jobs?*", answer)

    for locale, words in (("pt-BR", "3 de fev., 15:04"), ("en-GB", "3 Feb, 15:04")):
        page = open_page(prepare=long_ago, locale=locale, timezone_id="UTC")
        expect(page.locator("#history .meta")).to_contain_text(words)


def test_the_services_english_stands_beneath_ours_and_is_marked(
    open_page: Open, service: LiveService
):
    page = open_page(locale="pt-BR")
    describe(page, "Longo", duration="999")
    page.click("#start")
    note = page.locator('[data-field="duration"] .problem[role=alert]')
    expect(note).to_contain_text("Isto não pode ser feito assim.")
    assert "20.12 seconds" in note.locator("[lang=en]").first.inner_text()


def test_a_service_that_is_gone_is_told_in_the_language(open_page: Open):
    page = open_page(locale="pt-BR")
    describe(page, "Ninguém responde")
    page.route("**/generate", lambda route: route.abort())
    page.click("#start")
    expect(page.locator("#form-problem")).to_contain_text("O serviço não responde.")


def test_a_browser_that_keeps_nothing_is_served(open_page: Open, witness: Witness):
    """Kind of fault: a page that fails where storage is forbidden."""
    script = "Object.defineProperty(window, 'localStorage', {get() { throw new Error('no'); }})"
    page = open_page(prepare=lambda page: page.add_init_script(script), locale="pt-BR")
    ready(page)
    page.click("#language")
    page.click("#theme")
    expect(page.locator("#start span")).to_have_text("Make video")
    assert witness.complaints == []


def test_nothing_is_painted_before_the_words_are_there(open_page: Open):
    """Kind of fault: the wrong language, or a page without words, flashes first."""
    held: list[Route] = []
    painted = "performance.getEntriesByType('paint').length"
    page = open_page(
        prepare=lambda page: page.route("**/words.pt.js", lambda route: held.append(route)),
        locale="pt-BR",
        wait_until="commit",
    )
    page.locator("#sign-in-form").wait_for(state="attached")
    page.evaluate("new Promise(done => setTimeout(done, 300))")
    assert page.evaluate(painted) == 0
    for route in held:  # the page's, and the kind's
        route.continue_()
    ready(page)
    assert page.evaluate(painted) > 0


MARKED = re.compile("⟦[^⟦⟧]*⟧")
"""A text of the page's own tables, as this test serves them."""
UNITS = {"s", "min", "MB", "GB", "kB", "AM", "PM"}
SEEN = """() => {
    const theirs = ".theirs, .brand, #siblings, #title, #about, .quote, .prompt, .words,"
        + " #language, #preset-about, #template-about, #variables, #confirm-text, #size,"
        + " #negative_prompt, #starters option:not([value='']), #options option:not([value=''])";
    const found = [];
    const kinds = NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT;
    const nodes = document.createTreeWalker(document.body, kinds);
    while (nodes.nextNode()) {
        const node = nodes.currentNode;
        if (node.parentElement.closest(theirs) || node.matches?.(theirs)) continue;
        if (node.nodeType === Node.TEXT_NODE) found.push(node.data);
        else for (const name of ["aria-label", "placeholder", "title", "alt"])
            found.push(node.getAttribute(name) ?? "");
    }
    return found;
}"""


def _words_outside(page: Page) -> set[str]:
    """What people see or hear that is in no table, and no word of the service or of a person."""
    outside = set()
    for text in page.evaluate(SEEN):
        while MARKED.search(text):
            text = MARKED.sub("", text)
        outside |= set(re.findall(r"[^\W\d_]{1,}", text)) - UNITS
    return outside


def _brackets(page: Page) -> None:
    """Serves the English tables with every text in brackets."""

    def marked(value: str | dict[str, str]) -> str | dict[str, str]:
        if isinstance(value, dict):
            return {form: f"⟦{text}⟧" for form, text in value.items()}
        return f"⟦{value}⟧"

    def answer(route: Route) -> None:
        words = table("words.en.js", VIDEO if "/kind/" in route.request.url else PAGE)
        found = json.dumps({key: marked(value) for key, value in words.items()})
        route.fulfill(content_type="text/javascript", body=f"export default {found};")

    page.route("**/words.en.js", answer)


def test_every_word_that_is_seen_comes_from_the_tables(open_page: Open, service: LiveService):
    """Walks through the states of the page."""
    page = open_page(prepare=_brackets)
    ready(page)
    known = {"toy", "videosdgx", "ugly"}  # what the service calls its own, and its negative prompt
    assert _words_outside(page) == set()
    page.set_input_files("#media", {"name": "1.txt", "mimeType": "text/plain", "buffer": b"-"})
    page.locator("#media-problem [role=alert]").wait_for()
    assert _words_outside(page) <= {"txt"}
    page.click("#media-remove")
    describe(page, "123", duration="?")
    page.click("#start")
    page.locator(".field .problem[role=alert]").wait_for()
    assert _words_outside(page) == set()
    page.fill("#duration", "2")
    page.click("#more > summary")
    page.locator(".adjustments li").wait_for()
    assert _words_outside(page) == set()
    for name, value in SLOW.items():
        page.fill(f"#{name.replace('option_', 'option-')}", value)
    job_id = start(page)
    page.locator(".doing", has_text="20").wait_for()
    assert _words_outside(page) - set(re.findall("[a-z]+", job_id)) <= known
    page.click("#stage .actions button >> nth=0")
    page.locator("#stage .headline").wait_for()
    assert _words_outside(page) - set(re.findall("[a-z]+", job_id)) <= known
    page.fill("#num_inference_steps", "2")
    job_id = start(page)
    page.locator("#stage video").wait_for()
    page.click("#stage .actions button:last-child")
    found = _words_outside(page) - set(re.findall("[a-z]+", job_id))
    assert found <= known


def test_signing_in_is_asked_in_the_language(open_page: Open, tmp_path: Path):
    guarded = LiveService(tmp_path / "guarded", api_keys_file=everyone(tmp_path).path).start()
    try:
        page = open_page(locale="pt-BR")
        page.goto(f"{guarded.url}/ui/")
        expect(page.locator("#sign-in-title")).to_have_text("Entrar")
        page.fill("#api_key", "errada")
        page.keyboard.press("Enter")
        expect(page.locator("#sign-in .problem")).to_contain_text(
            "A chave falta ou não é conhecida."
        )
    finally:
        guarded.close()
