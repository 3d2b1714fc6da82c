"""A pipeline's parts by themselves: references, bodies, moves, looks, and what answers mean."""

import json
import re
from collections.abc import Collection
from typing import Any

import pytest
import yaml

from common.api.pipelines import moves
from common.api.pipelines.accepting import expecting
from common.api.pipelines.body import MOST_BYTES, READER, fingerprint_text, steps_of
from common.api.pipelines.examples import _EXAMPLES
from common.api.pipelines.looks import LONGEST_LOOK_SECONDS, LONGEST_PAUSE_SECONDS, Live, Looks
from common.api.pipelines.references import filled, names_in
from common.api.pipelines.stack import Answer
from common.api.pipelines.verdicts import Later, Made, Refused, of_job, of_request
from common.api.pipelines.views import pipeline_view
from common.base.errors import BodyTooLarge, ErrorBody, InvalidRequest, UnsupportedMediaType
from common.base.errors.pipeline import PipelineConflict
from common.base.settings import Settings
from common.base.settings.stack import addresses_of
from common.jobs.pipelines import Pipeline, PipelineState, Step, StepState
from common.kinds.video.requests import GenerateRequest
from scripts.services import MODELS
from studio.operations import OPERATIONS
from studio.requests import StudioRequest
from tests.live import ROOT

A, B = "a" * 32, "b" * 32
ERROR = ErrorBody(code="x", message="It is wrong.", param="fps", hint="h")


def pipeline(*states: StepState, **fields: Any) -> Pipeline:
    steps = tuple(
        Step(
            name=f"s{i}",
            service="toy",
            path="/generate",
            body={"video": {"step": f"s{i - 1}"}} if i else {},
            state=state,
            job=None if state in (StepState.WAITING, StepState.SENT) else f"{i}" * 32,
        )
        for i, state in enumerate(states)
    )
    named = {"id": A, "model": "toy", "number": 1, "created_at": 0.0}
    return Pipeline(**named | {"steps": steps} | fields)


def test_a_reference_becomes_a_job_wherever_it_stands():
    body = {
        "video": {"step": "clip"},
        "retake": {"step": "clip", "from": 1, "to": 2},
        "inputs": [{"step": "voice"}, "text", 7],
        "options": {"step": 3},
        "prompt": "{step: clip}",
    }
    assert list(names_in(body)) == [
        ("body.video", "clip"),
        ("body.retake", "clip"),
        ("body.inputs.0", "voice"),
    ]
    assert filled(body, {"clip": A, "voice": B}) == {
        "video": {"job": A},
        "retake": {"job": A, "from": 1, "to": 2},
        "inputs": [{"job": B}, "text", 7],
        "options": {"step": 3},
        "prompt": "{step: clip}",
    }


def test_a_field_that_is_the_id_itself_takes_it_so_too():
    assert GenerateRequest(prompt="x", extend={"job": A}).extend == A
    with pytest.raises(ValueError, match="extend"):
        GenerateRequest(prompt="x", extend={"job": A, "from": 1})


def test_the_example_of_the_description_is_one():
    for example in _EXAMPLES.values():
        request = READER.from_json(json_text(example["value"]))
        assert steps_of(request, "toy", ["toy"])[1].service == "toy"


def json_text(body: Any) -> bytes:
    return json.dumps(body).encode()


def test_a_body_is_json_of_a_bounded_size():
    with pytest.raises(BodyTooLarge):
        READER.from_json(b" " * (MOST_BYTES + 1))
    with pytest.raises(UnsupportedMediaType):
        READER.from_form({})  # type: ignore[arg-type]
    with pytest.raises(InvalidRequest, match="dry_run"):
        steps_of(
            READER.from_json(json_text({"steps": [{"name": "a", "body": {"dry_run": True}}]})),
            "toy",
            ["toy"],
        )


def test_the_order_of_words_changes_no_fingerprint():
    one, same, other = (
        READER.from_json(json_text({"steps": [{"name": "a", "body": body}], "name": None}))
        for body in ({"x": 1, "y": 2}, {"y": 2, "x": 1}, {"x": 1})
    )
    assert fingerprint_text(one) == fingerprint_text(same) != fingerprint_text(other)


@pytest.mark.parametrize(
    "text", ["toy", "=http://a:1", "toy=ftp://a", "toy=http://me:x@a:1", "t=http://a/x"]
)
def test_an_address_is_a_name_and_a_plain_place(text: str):
    with pytest.raises(ValueError, match="name=http://host:port"):
        addresses_of(text)


def test_a_pipeline_from_step_to_step():
    now = pipeline(StepState.WAITING, StepState.WAITING)
    now = moves.sent(now, 0)
    assert (now.current, now.steps[0].state) == (0, StepState.SENT)
    now = moves.completed(moves.made(now, 0, A), 0, 2.0)
    assert (now.current, now.state, now.steps[0].seconds) == (1, PipelineState.RUNNING, 2.0)
    over = moves.completed(moves.made(moves.sent(now, 1), 1, B), 1, 3.0)
    assert (over.current, over.state) == (None, PipelineState.COMPLETED)
    for change in (moves.cancelled, moves.retried):
        with pytest.raises(PipelineConflict):
            change(over)


def test_a_failure_names_its_step_and_a_retry_takes_a_new_key():
    now = pipeline(StepState.COMPLETED, StepState.RUNNING, StepState.WAITING)
    over = moves.failed(now, 1, ERROR)
    assert over.state is PipelineState.FAILED
    assert over.error is not None
    assert (over.error.message, over.error.param) == ("s1: It is wrong.", "steps.1.body.fps")
    again = moves.retried(over)
    assert again.state is PipelineState.RUNNING
    assert again.error is None
    assert (again.steps[0], again.steps[1].job) == (now.steps[0], None)
    assert again.steps[1].earlier == (now.steps[1].job,)
    assert again.key_of(1) != now.key_of(1)
    assert again.key_of(0) == now.key_of(0)


def test_one_that_cannot_be_read_says_so_and_is_not_retried():
    odd = pipeline(state=PipelineState.FAILED, unreadable=True)
    assert odd.error is not None
    assert pipeline_view(odd, Live()).error == odd.error
    with pytest.raises(PipelineConflict, match="cannot be read"):
        moves.retried(odd)


def test_an_expired_step_is_made_anew():
    now = pipeline(StepState.COMPLETED, StepState.COMPLETED, StepState.SENT)
    over = moves.expired(moves.failed(now, 2, ERROR), frozenset({"s0"}))
    assert over.current == 0
    states = [step.state for step in moves.retried(over).steps]
    assert states == [StepState.WAITING, StepState.COMPLETED, StepState.WAITING]


@pytest.mark.parametrize(
    ("state", "after"),
    [
        (StepState.WAITING, PipelineState.CANCELLED),
        (StepState.SENT, PipelineState.CANCELLING),
        (StepState.RUNNING, PipelineState.CANCELLING),
    ],
)
def test_cancelling_waits_for_a_job_that_there_may_be(state: StepState, after: PipelineState):
    now = moves.cancelled(pipeline(StepState.COMPLETED, state))
    assert now.state is after
    if not now.ended:
        for end in (moves.stopped(now, 1), moves.failed(now, 1, ERROR), moves.completed(now, 1, 1)):
            assert end.state is PipelineState.CANCELLED


def test_somebody_elses_cancel_fails_the_step():
    over = moves.stopped(pipeline(StepState.RUNNING), 0)
    assert (over.state, over.steps[0].state) == (PipelineState.FAILED, StepState.FAILED)


def error(status: int, code: str = "x", **more: Any) -> Answer:
    return Answer(status, {"error": {"code": code, "message": "m", "param": None}}, **more)


def test_what_an_answer_means():
    assert of_request("toy", Answer(202, {"id": A})) == Made(A)
    for answer in (Answer(202, {"id": "video_1"}), Answer(200, {"dry_run": True}), Answer(204)):
        assert isinstance(of_request("toy", answer), Refused)
    full = error(429, "queue_full", retry_after=7.0)
    assert of_request("toy", full) == Later("toy: m", 7.0, surely=True)
    for late in (
        error(503),
        error(429, "rate_limited"),
        error(409, "idempotency_key_in_use"),
        Answer(502),
    ):
        later = of_request("toy", late)
        assert isinstance(later, Later)
        assert not later.surely
    for final in (error(422), error(410), error(401), error(500), error(409)):
        assert isinstance(of_request("toy", final), Refused)
    assert isinstance(of_job("toy", Answer(200)), Later)
    assert of_job("toy", Answer(200, {"state": "queued"})) == {"state": "queued"}


def test_looks_grow_rare_and_a_change_is_looked_at_at_once():
    looks = Looks()
    pauses = [looks.seen(Live(job=A)).seconds for _ in range(20)]
    assert pauses == sorted(pauses)
    assert pauses[-1] == LONGEST_LOOK_SECONDS
    assert looks.seen(Live(job=B)).seconds == pauses[0]
    waits = [looks.later("it is down").seconds for _ in range(20)]
    assert waits == sorted(waits)
    assert waits[-1] == LONGEST_PAUSE_SECONDS
    assert looks.later("it is full", 60).seconds == 60
    assert looks.live.waiting_for == "it is full"
    looks.wait(100.0, 5, version=3)
    assert not looks.due(3, 104)
    assert looks.due(3, 105)
    assert looks.due(4, 101)


def test_the_time_left_is_that_of_all_steps():
    now = pipeline(StepState.COMPLETED, StepState.RUNNING, StepState.WAITING)
    live = Live(job=now.steps[1].job, state="running", percent=50, seconds_left=4)
    assert pipeline_view(now, live).seconds_left is None, "nothing is known of the last one"
    before = [pipeline(StepState.COMPLETED).with_step(0, seconds=7.0)]
    now = now.model_copy(update={"steps": expecting(now.steps, before)})
    view = pipeline_view(now, live)
    assert (view.seconds_left, view.percent, view.step) == (11, 50, "s1")
    assert [step.percent for step in view.steps] == [100, 50, 0]
    assert pipeline_view(moves.failed(now, 1, ERROR), live).seconds_left is None


def test_settings_name_the_stack():
    assert addresses_of(Settings(stack_addresses="a=http://a:1, b=http://b").stack_addresses) == {
        "a": "http://a:1",
        "b": "http://b",
    }


def test_the_documents_pipelines_are_good():
    text = (ROOT / "docs" / "pipelines.md").read_text()
    text = re.sub(r"\b[0-9a-f]{4}\.\.\.", B, text)
    posted = [json.loads(body) for body in re.findall(r"-d '(.*?)'\n", text, re.DOTALL)]
    filed = [yaml.safe_load(body) for body in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)]
    assert (len(posted), len(filed)) == (1, 2)
    for body in posted + filed:
        steps = steps_of(READER.from_json(json_text(body)), "ltx2", MODELS)
        for step in steps:
            sent = filled(step.body, dict.fromkeys([each.name for each in steps], A))
            assert A in used_by(step, sent) or step is steps[0]


def used_by(step: Step, sent: dict[str, Any]) -> Collection[str]:
    """The jobs that a step's body names. Raises ValidationError: it is none of its service."""
    if step.service != "studio":
        return GenerateRequest(**sent).used_jobs.values()
    (operation,) = (each for each in OPERATIONS if each.path == step.path)
    return StudioRequest(task=operation.task(**sent)).used_jobs.values()
