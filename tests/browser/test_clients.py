"""What a browser does by itself, in other people's pages: forms, streams, caches."""

from tests.browser.conftest import Open
from tests.browser.steps import ready
from tests.live import LiveService

STOPS = """address => new Promise(resolve => {
    const source = new EventSource(address);
    let opened = 0, told = 0;
    source.onopen = () => { opened += 1; };
    source.addEventListener("state", () => { told += 1; });
    const look = () => source.readyState === EventSource.CLOSED || opened > 1
        ? resolve([opened, told]) : setTimeout(look, 50);
    look();
})"""
FORM = """() => {
    const form = document.createElement("form");
    for (const name of ["prompt", "seed", "duration"]) {
        const field = document.createElement("textarea");
        field.name = name;
        if (name === "prompt") field.value = "one\\ntwo";
        form.append(field);
    }
    const file = document.createElement("input");
    file.type = "file";
    file.name = "image";
    form.append(file);
    return fetch("/generate", { method: "POST", body: new FormData(form) }).then(a => a.json());
}"""
TWICE = """async address => {
    const sizes = [];
    for (const cache of ["default", "no-cache"]) {
        sizes.push((await (await fetch(address, { cache })).blob()).size);
    }
    const [first, second] = performance.getEntriesByType("resource")
        .filter(one => one.name.endsWith(address)).map(one => one.transferSize);
    return [...sizes, second < first];
}"""


def test_an_event_source_of_its_own_stops_at_the_end(open_page: Open, service: LiveService):
    """A browser's EventSource comes back once after the end, and then never again."""
    page = open_page()
    ready(page)
    job_id = service.finish()["id"]
    assert page.evaluate(STOPS, f"/jobs/{job_id}/events") == [1, 1]


def test_a_plain_form_is_taken_as_browsers_send_it(open_page: Open, service: LiveService):
    """Untouched fields, a file input without a file, and lines that end by CR LF."""
    page = open_page()
    ready(page)
    made = page.evaluate(FORM)
    assert made["requested"] == {"prompt": "one\ntwo"}


def test_a_thumbnail_travels_once(open_page: Open, service: LiveService):
    """What the browser has is not sent again."""
    page = open_page()
    ready(page)
    job_id = service.finish()["id"]
    whole, again, less = page.evaluate(TWICE, f"/jobs/{job_id}/thumbnail")
    assert whole == again > 0
    assert less
