"""What is wrong with an operation's field, by ``POST /generate``."""

from typing import Any

import pytest

from common.api.bodies.validated import validated
from common.base.errors import InvalidRequest
from studio.operations.sound import AddAudio
from studio.requests import StudioRequest


@pytest.mark.parametrize(
    ("task", "param"),
    [
        ({"operation": "transcribe", "language": "klingon"}, "task.language"),
        ({"operation": "caption", "style": {"size": 900}}, "task.style.size"),
        ({"operation": "edit", "clips": [{"source": "a", "start": -1}]}, "task.clips.0.start"),
        ({"operation": "transcribe", "video": '{"a":' * 100_000}, "task.video"),
        ({"operation": "edit", "colour": "red"}, "task.colour"),
        ({"operation": ["edit"]}, "task"),
        ({"operation": "sing"}, "task"),
        ({}, "task"),
        ("edit", "task"),
    ],
)
def test_a_field_is_named_as_it_stands_in_the_body(task: Any, param: str):
    with pytest.raises(InvalidRequest) as refused:
        validated(StudioRequest, {"task": task})
    assert refused.value.body.param == param
    assert refused.value.body.message.startswith(f"{param}: ")


def test_a_task_is_of_its_operation():
    task = StudioRequest.model_validate({"task": {"operation": "addaudio", "gain": 3}}).task
    assert task == AddAudio(gain=3)
    assert StudioRequest(task=task).task is task
