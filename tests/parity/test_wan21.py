"""Wan2.1 through the service's ``generate`` equals a diffusers call, bit for bit.

The call is given what tests/parity/test_official_wan.py holds to the authors: noise levels, what
CLIP sees, and which parts are in float32.
"""

from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import common.runtime.libraries  # noqa: F401

import numpy as np
import pytest
import torch
from diffusers import WanPipeline
from numpy.typing import NDArray

from common.base.errors import CheckpointError, InvalidRequest, JobCancelled
from common.contract import Phase
from common.kinds.video.resolved import ResolvedRequest
from common.runtime.causal_decoding import check_decoder, decode
from common.runtime.flow_unipc import FlowUniPCScheduler
from scripts.tiny import wan21 as tiny
from tests.formats import on_cpu
from tests.job_contexts import Context
from tests.parity import clips
from tests.parity.bare import bare
from tests.parity.clips import STEPS, called, saved_picture
from wan21.image_to_video import WholePicturePipeline
from wan21.model_config import SPEC
from wan21.pipeline import _denoise, generate, load

CPU = on_cpu()
request_of = partial(clips.request_of, SPEC, (64, 48))
frames_of = partial(clips.frames_of, SPEC)


@pytest.fixture(scope="module")
def snapshots(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The 14B, the 1.3B, and the 14B for images."""
    return tiny.build_2_1(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def t2v(snapshots: list[Path]) -> Any:
    return load(snapshots[0], CPU)


@pytest.fixture(scope="module")
def i2v(snapshots: list[Path]) -> Any:
    return load(snapshots[2], CPU)


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved_picture(tmp_path_factory.mktemp("pictures"))


def bare_frames(
    snapshot: Path,
    request: ResolvedRequest,
    flow_shift: float | None = None,
    *,
    tiling: bool = False,
) -> NDArray[np.uint8]:
    """What one call of the library makes; the shift is the published one for these small sizes."""
    kind = WholePicturePipeline if request.image else WanPipeline
    pipe = bare(kind, snapshot, float32=("vae", "image_encoder"))
    shift = flow_shift or (3.0 if request.image else 5.0)
    pipe.scheduler = FlowUniPCScheduler.from_config(pipe.scheduler.config, flow_shift=shift)
    if tiling:
        pipe.vae.enable_tiling()
    return called(pipe, request)


@pytest.mark.parametrize("guidance_scale", [5.0, 1.0])
@pytest.mark.parametrize(
    ("width", "height", "num_frames"), [(64, 48, 13), (48, 80, 5), (128, 128, 9), (32, 32, 21)]
)
def test_text_to_video_is_bit_equal(
    t2v: Any,
    snapshots: list[Path],
    width: int,
    height: int,
    num_frames: int,
    guidance_scale: float,
) -> None:
    request = request_of(
        width=width, height=height, num_frames=num_frames, guidance_scale=guidance_scale
    )
    assert np.array_equal(frames_of(t2v, request), bare_frames(snapshots[0], request))


@pytest.mark.parametrize("guidance_scale", [5.0, 1.0])
@pytest.mark.parametrize(("width", "height", "num_frames"), [(64, 48, 13), (48, 80, 5)])
def test_image_to_video_is_bit_equal(
    i2v: Any,
    snapshots: list[Path],
    picture: Path,
    width: int,
    height: int,
    num_frames: int,
    guidance_scale: float,
) -> None:
    request = request_of(
        width=width,
        height=height,
        num_frames=num_frames,
        guidance_scale=guidance_scale,
        image=picture,
    )
    assert np.array_equal(frames_of(i2v, request), bare_frames(snapshots[2], request))


def test_flow_shift_follows_the_model_and_the_options(t2v: Any, snapshots: list[Path]) -> None:
    small = request_of()
    asked = request_of(options={"flow_shift": 7.0})
    at_8 = bare_frames(snapshots[1], small, flow_shift=8.0)
    assert np.array_equal(frames_of(load(snapshots[1], CPU), small), at_8)
    assert np.array_equal(frames_of(t2v, asked), bare_frames(snapshots[0], asked, flow_shift=7.0))
    # The next job has the model's own shift again.
    assert np.array_equal(frames_of(t2v, small), bare_frames(snapshots[0], small))


@pytest.mark.slow
def test_a_picture_near_720p_has_the_shift_of_text(i2v: Any, picture: Path) -> None:
    large = request_of(width=1104, height=576, num_frames=5, guidance_scale=1.0, image=picture)
    for request, shift in ((large, 5.0), (request_of(image=picture), 3.0)):
        with pytest.raises(JobCancelled):
            generate(i2v, request, Context(stop_at=(Phase.DENOISING, 1)))
        assert i2v.scheduler.config.flow_shift == shift


@pytest.mark.slow
def test_tiled_decoding_is_bit_equal(snapshots: list[Path]) -> None:
    """Where a video does not fit in one piece. Afterwards the next one is whole again."""
    request = request_of(width=320, height=288, num_frames=5, guidance_scale=1.0)
    pipeline, context = load(snapshots[0], CPU), Context()
    latents = _denoise(pipeline, request, context)
    context.reports.clear()
    frames = np.concatenate(
        list(decode(pipeline.vae, latents, context, needed_bytes=1, available=0))
    )
    whole = bare_frames(snapshots[0], request)
    assert np.array_equal(frames, bare_frames(snapshots[0], request, tiling=True))
    assert not np.array_equal(frames, whole)
    assert context.reports == [(Phase.DECODING, 0, 1), (Phase.DECODING, 1, 1)]
    assert np.array_equal(frames_of(pipeline, request), whole)


def test_the_seed_decides(t2v: Any) -> None:
    first, again, other = (frames_of(t2v, request_of(seed=seed)) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_two_clips_may_be_drawn_in_turns(t2v: Any, i2v: Any, picture: Path) -> None:
    request, with_image = request_of(), request_of(image=picture)
    expected = frames_of(i2v, with_image)
    slow = generate(i2v, with_image, Context())
    chunks = [next(slow.frames)]
    frames_of(i2v, request_of(image=picture, seed=9))
    frames_of(t2v, request)
    assert np.array_equal(np.concatenate([*chunks, *slow.frames]), expected)


def test_frames_come_in_pieces_without_a_graph(t2v: Any) -> None:
    decoded: list[torch.Tensor] = []
    hook = t2v.vae.decoder.register_forward_hook(lambda _module, _args, out: decoded.append(out))
    lengths = []
    for chunk in generate(t2v, request_of(), Context()).frames:
        assert torch.is_grad_enabled(), "the caller's own mode is left alone"
        lengths.append(len(chunk))
    hook.remove()
    assert lengths == [1, 4, 4, 4]
    assert not any(piece.requires_grad for piece in decoded)


def test_every_step_is_reported(t2v: Any) -> None:
    context = Context()
    frames_of(t2v, request_of(), context)
    assert context.reports == [
        (Phase.ENCODING_PROMPT, 0, 0),
        *[(Phase.DENOISING, step, STEPS) for step in (1, 2, 3)],
        *[(Phase.DECODING, step, 4) for step in (0, 1, 2, 3, 4)],
    ]


@pytest.mark.parametrize(("guidance_scale", "passes"), [(5.0, 2), (1.0, 1), (0.0, 1)])
def test_guidance_costs_its_pass_and_nothing_hidden(
    t2v: Any, guidance_scale: float, passes: int
) -> None:
    calls: list[object] = []
    hook = t2v.transformer.register_forward_hook(lambda *_: calls.append(None))
    generate(t2v, request_of(guidance_scale=guidance_scale), Context())
    hook.remove()
    assert len(calls) == passes * STEPS


def test_a_cancel_leaves_in_its_step_and_decodes_nothing(t2v: Any) -> None:
    context = Context(stop_at=(Phase.DENOISING, 2))
    with pytest.raises(JobCancelled):
        generate(t2v, request_of(), context)
    assert context.reports[-1] == (Phase.DENOISING, 2, STEPS)
    frames_of(t2v, request_of())


def test_a_cancel_stops_between_chunks(t2v: Any) -> None:
    context = Context(stop_at=(Phase.DECODING, 2))
    clip = generate(t2v, request_of(), context)
    assert [len(next(clip.frames)) for _ in range(2)] == [1, 4]
    with pytest.raises(JobCancelled):
        next(clip.frames)
    assert context.reports[-1] == (Phase.DECODING, 2, 4)


def test_another_models_checkpoint_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model_index.json").write_text('{"_class_name": "LTX2Pipeline"}')
    with pytest.raises(CheckpointError, match="another model: it holds a LTX2Pipeline"):
        load(tmp_path, CPU)


def test_image_to_video_without_a_picture_is_refused(i2v: Any) -> None:
    with pytest.raises(InvalidRequest, match="picture"):
        generate(i2v, request_of(), Context())


def test_a_changed_decoder_is_found_at_loading() -> None:
    with pytest.raises(RuntimeError, match="first_chunk"):
        check_decoder(SimpleNamespace(decoder=torch.nn.Identity()))
