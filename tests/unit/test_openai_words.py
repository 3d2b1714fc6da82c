"""What clients of OpenAI's Videos API read: a job as their video, and errors in their words."""

import pytest

from common.base.errors import InvalidRequest
from common.jobs.model import Job
from common.jobs.states import JobState
from common.kinds.video.openai.errors import in_their_names
from common.kinds.video.openai.views import video_view
from common.kinds.video.result import VideoResult
from tests.unit.test_feed import RESOLVED

MADE = VideoResult(
    folder="a",
    checkpoint="toy",
    revision="1",
    timings={},
    size_bytes=1,
    width=132,
    height=100,
    num_frames=9,
    fps=8,
    duration_seconds=9 / 8,
    has_audio=False,
)


@pytest.mark.parametrize(
    ("scale", "result", "size"),
    [(1, None, "64x48"), (2, None, "128x96"), (4, None, "256x192"), (2, MADE, "132x100")],
)
def test_the_size_is_that_of_the_file(scale: int, result: VideoResult | None, size: str) -> None:
    job = Job(
        id="1",
        model="toy",
        requested={},
        resolved=RESOLVED.model_copy(update={"upscaling_scale": scale}),
        number=1,
        state=JobState.COMPLETED if result else JobState.QUEUED,
        result=result,
        created_at=0,
    )
    assert video_view(job).size == size


@pytest.mark.parametrize(
    ("param", "files", "name"),
    [
        ("video", (), "video"),
        ("video.job", (), "video.job"),
        ("video", ("video",), "input_reference"),
        ("image", (), "input_reference"),
        ("image.frame", (), "input_reference.frame"),
        ("image.job", (), "input_reference.job"),
        ("keyframes.0.image", (), "keyframes.0.image"),
        ("options.flow_shift", (), "flow_shift"),
        ("options.speed", (), "options.speed"),
    ],
)
def test_an_error_names_the_field_that_was_sent(
    param: str, files: tuple[str, ...], name: str
) -> None:
    with pytest.raises(InvalidRequest) as refused, in_their_names(files):
        raise InvalidRequest(f"{param} is wrong.", param=param, hint="Mend it.")
    body = refused.value.body
    assert (body.param, body.message) == (name, f"{name} is wrong.")
