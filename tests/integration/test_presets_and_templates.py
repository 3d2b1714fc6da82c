"""Presets, templates and priorities, through a real service."""

from pathlib import Path
from typing import Any

import pytest

from tests.integration.answers import error_of
from tests.integration.fleet import Fleet
from tests.integration.test_routes import LONG
from tests.live import LiveService

FILM = """\
name: film
description: A film of something.
prompt: "{what}, {look}"
variables:
  what: {description: What is shown.}
  look: {description: Its look., default: in colour}
"""


def dry(service: LiveService, status: int = 200, **body: Any) -> Any:
    answer = service.client.post("/generate", json={"dry_run": True, **body})
    assert answer.status_code == status, answer.text
    return answer.json() if status == 200 else error_of(answer)


def test_presets_and_templates_are_listed(service: LiveService) -> None:
    found = service.get("/presets")
    assert [preset["name"] for preset in found["presets"]] == ["draft", "standard", "high"]
    assert found["presets"][0]["values"] == {
        "resolution": "32x32",
        "num_inference_steps": 1,
        "guidance_scale": 1,
    }
    assert len(found["templates"]) >= 3
    for template in found["templates"]:
        assert template.keys() == {"name", "description", "prompt", "variables"}
        for variable in template["variables"].values():
            assert variable.keys() == {"default", "description"}


def test_every_listed_preset_is_made(service: LiveService) -> None:
    for preset in service.get("/presets")["presets"]:
        job = service.finish(preset=preset["name"])
        values = preset["values"]
        assert job["requested"]["preset"] == job["resolved"]["preset"] == preset["name"]
        size = f"{job['result']['width']}x{job['result']['height']}"
        assert size == values["resolution"]
        assert job["resolved"]["num_inference_steps"] == values["num_inference_steps"]


def test_a_field_wins_over_the_preset(service: LiveService) -> None:
    made = dry(service, prompt="x", preset="high", num_inference_steps=2)["resolved"]
    assert (made["num_inference_steps"], made["width"]) == (2, 128)


def test_an_unknown_preset_is_refused(service: LiveService) -> None:
    error = dry(service, 422, prompt="x", preset="best")
    assert error["param"] == "preset"
    assert "draft, standard, high" in error["hint"]


def test_every_template_that_is_listed_can_be_filled(service: LiveService) -> None:
    for template in service.get("/presets")["templates"]:
        variables = {
            name: "a red bicycle"
            for name, variable in template["variables"].items()
            if variable["default"] is None
        }
        answer = dry(service, template=template["name"], variables=variables)
        assert "a red bicycle" in answer["resolved"]["prompt"]
        assert "{" not in answer["resolved"]["prompt"]
        assert answer["requested"]["template"] == template["name"]


def test_a_template_makes_the_prompt_and_the_record_keeps_both(
    fleet: Fleet, tmp_path: Path
) -> None:
    (tmp_path / "film.yaml").write_text(FILM)
    service = fleet.start(templates_dir=tmp_path)
    sent = {"template": "film", "variables": {"what": "A {look} cat"}}
    answer = service.client.post("/generate", json=sent)
    job = answer.json()
    assert job["requested"] == sent
    assert job["resolved"]["prompt"] == "A {look} cat, in colour", "words are not looked into"
    form = {"template": (None, "film"), "variables": (None, '{"what": "y"}')}
    answer = service.client.post("/generate", files=form)
    assert answer.json()["resolved"]["prompt"] == "y, in colour"


def test_the_folder_is_read_again_and_a_broken_file_is_named(fleet: Fleet, tmp_path: Path) -> None:
    service = fleet.start(templates_dir=tmp_path)
    assert service.get("/presets")["templates"] == []
    (tmp_path / "film.yaml").write_text(FILM)
    (tmp_path / "spoilt.yaml").write_text(FILM.replace("{what}", "{what.__class__}"))
    assert [one["name"] for one in service.get("/presets")["templates"]] == ["film"]
    service.wait_said("spoilt.yaml")
    (tmp_path / "film.yaml").unlink()
    assert service.get("/presets")["templates"] == []
    error = dry(service, 422, template="film", variables={"what": "x"})
    assert (error["param"], error["message"]) == ("template", "template: there is no 'film'.")


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({}, "prompt"),
        ({"prompt": "x", "template": "product-shot"}, "prompt"),
        ({"prompt": "x", "variables": {"product": "x"}}, "variables"),
        ({"template": "product-shot"}, "variables.product"),
        ({"template": "product-shot", "variables": {"produkt": "x"}}, "variables.produkt"),
        ({"template": "product-shot", "variables": {"product": 3}}, "variables.product"),
        ({"template": "product-shot", "variables": {"product": "x" * 1001}}, "variables.product"),
        ({"template": "product-shot", "variables": {"product": "\x00"}}, "variables"),
        ({"template": "../../etc/passwd"}, "template"),
        ({"template": ""}, "template"),
        ({"prompt": "x", "priority": "urgent"}, "priority"),
        ({"prompt": "x", "priority": 5}, "priority"),
    ],
)
def test_what_does_not_fit_is_named(service: LiveService, fields: Any, param: str) -> None:
    error = dry(service, 422, **fields)
    assert error["param"] == param
    if param.startswith("variables.produ") and "1001" not in error["message"]:
        assert "product" in f"{error['message']} {error['hint']}"


def test_the_unknown_variables_error_lists_the_known(service: LiveService) -> None:
    error = dry(service, 422, template="product-shot", variables={"colour": "x"})
    assert "product (needed), surface, mood" in error["hint"]


def test_priorities_order_the_queue(service: LiveService) -> None:
    running = service.submit(**LONG)
    service.wait_for(running, "running")
    jobs = {name: service.submit(priority=name, **LONG) for name in ("low", "normal", "high")}
    places = {name: service.job(job_id)["queue_position"] for name, job_id in jobs.items()}
    assert places == {"high": 0, "normal": 1, "low": 2}
    assert {name: service.job(one)["priority"] for name, one in jobs.items()} == {
        name: name for name in jobs
    }
    service.cancel(running)
    service.wait_for(jobs["high"], "running")
    assert service.job(jobs["low"])["queue_position"] == 1


def test_clients_of_openai_can_send_priority_and_preset(service: LiveService) -> None:
    body = {"prompt": "x", "priority": "high", "extra_body": {"preset": "draft"}}
    answer = service.client.post("/v1/videos", json=body)
    assert answer.status_code == 200, answer.text
    job = service.job(answer.json()["id"])
    assert (job["priority"], job["resolved"]["preset"]) == ("high", "draft")
