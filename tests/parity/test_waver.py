"""What stands in for Waver, through the service's ``generate``, equals a diffusers call.

The call is given what tests/parity/test_official_wan.py holds to the authors: noise levels, and
the autoencoder in float32.
"""

from functools import partial
from pathlib import Path
from typing import Any

import common.runtime.libraries  # noqa: F401

import diffusers
import numpy as np
import pytest
import torch
from diffusers import UniPCMultistepScheduler, WanImageToVideoPipeline, WanPipeline
from numpy.typing import NDArray

from common.base.errors import CheckpointError, JobCancelled
from common.contract import Phase
from common.kinds.video.resolved import ResolvedRequest
from common.runtime.causal_decoding import decode
from common.runtime.flow_unipc import FlowUniPCScheduler
from scripts.tiny import publish
from scripts.tiny import waver as tiny
from tests.formats import on_cpu
from tests.job_contexts import Context
from tests.parity import clips
from tests.parity.bare import bare
from tests.parity.clips import STEPS, called, saved_picture
from waver.guidance import apg
from waver.model_config import SPEC
from waver.pipeline import _denoise, generate, load

CPU = on_cpu()
request_of = partial(clips.request_of, SPEC, (128, 96))
frames_of = partial(clips.frames_of, SPEC)
SIZES = [(128, 96, 13), (96, 160, 5), (64, 64, 21)]


@pytest.fixture(scope="module")
def snapshots(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The 5B and the 1.3B."""
    return tiny.build(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def ti2v(snapshots: list[Path]) -> Any:
    return load(snapshots[0], CPU)


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved_picture(tmp_path_factory.mktemp("pictures"))


def bare_pipeline(snapshot: Path, flow_shift: float = 5.0, kind: Any = WanPipeline) -> Any:
    pipe = bare(kind, snapshot, float32=("vae",))
    config = pipe.scheduler.config
    pipe.scheduler = FlowUniPCScheduler.from_config(config, flow_shift=flow_shift)
    return pipe


def bare_frames(
    snapshot: Path, request: ResolvedRequest, flow_shift: float = 5.0, *, tiling: bool = False
) -> NDArray[np.uint8]:
    """What one call of the library makes."""
    pipe = bare_pipeline(
        snapshot, flow_shift, WanImageToVideoPipeline if request.image else WanPipeline
    )
    if tiling:
        pipe.vae.enable_tiling()
    return called(pipe, request)


@pytest.mark.parametrize("guidance_scale", [5.0, 1.0])
@pytest.mark.parametrize(("width", "height", "num_frames"), SIZES)
@pytest.mark.parametrize("with_picture", [False, True])
def test_text_and_image_to_video_are_bit_equal(
    ti2v: Any,
    snapshots: list[Path],
    picture: Path,
    with_picture: bool,
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
        image=picture if with_picture else None,
    )
    assert np.array_equal(frames_of(ti2v, request), bare_frames(snapshots[0], request))


def test_the_picture_changes_the_video(ti2v: Any, picture: Path) -> None:
    plain, begun = frames_of(ti2v, request_of()), frames_of(ti2v, request_of(image=picture))
    assert not np.array_equal(plain, begun)
    assert np.array_equal(plain, frames_of(ti2v, request_of())), "and nothing of it stays"


def test_the_small_one_is_bit_equal_at_its_own_shift(snapshots: list[Path]) -> None:
    request = request_of(width=64, height=48)
    expected = bare_frames(snapshots[1], request, flow_shift=8.0)
    assert np.array_equal(frames_of(load(snapshots[1], CPU), request), expected)


def test_the_options_move_the_shift_for_one_job(ti2v: Any, snapshots: list[Path]) -> None:
    asked, plain = request_of(options={"flow_shift": 3.0}), request_of()
    assert np.array_equal(frames_of(ti2v, asked), bare_frames(snapshots[0], asked, flow_shift=3.0))
    assert np.array_equal(frames_of(ti2v, plain), bare_frames(snapshots[0], plain))


def test_tags_are_words_of_the_prompts(ti2v: Any, snapshots: list[Path]) -> None:
    request = request_of(options={"style": "anime", "quality": "high"}, negative_prompt="rain")
    written = request_of(
        prompt="Hand-drawn two-dimensional anime. A cat walking on a beach at sunset "
        "Sharp, high definition, rich in detail, smooth and lively motion.",
        negative_prompt="rain, low definition, blurred, flickering, slow motion",
    )
    assert np.array_equal(frames_of(ti2v, request), bare_frames(snapshots[0], written))


@pytest.mark.slow
def test_tiled_decoding_is_bit_equal(snapshots: list[Path]) -> None:
    """Where a video does not fit in one piece. Afterwards the next one is whole again."""
    request = request_of(width=320, height=288, num_frames=5, guidance_scale=1.0)
    pipeline, context = load(snapshots[0], CPU), Context()
    latents = _denoise(pipeline, [request], context)
    pieces = decode(pipeline.vae, latents, context, needed_bytes=1, available=0)
    tiled, whole = np.concatenate(list(pieces)), bare_frames(snapshots[0], request)
    assert np.array_equal(tiled, bare_frames(snapshots[0], request, tiling=True))
    assert not np.array_equal(tiled, whole)
    assert np.array_equal(frames_of(pipeline, request), whole)


def test_every_step_is_reported_and_frames_come_in_pieces(ti2v: Any) -> None:
    context = Context()
    clip = generate(ti2v, request_of(), context)
    assert [len(chunk) for chunk in clip.frames] == [1, 4, 4, 4]
    assert context.reports == [
        (Phase.ENCODING_PROMPT, 0, 0),
        *[(Phase.DENOISING, step, STEPS) for step in (1, 2, 3)],
        *[(Phase.DECODING, step, 4) for step in (0, 1, 2, 3, 4)],
    ]


# Adaptive projected guidance

APG = {"guidance": "apg", "apg_threshold": 3.0}


def reference_apg(
    conditional: torch.Tensor, unconditional: torch.Tensor, scale: float, threshold: float
) -> torch.Tensor:
    """arXiv 2410.02416, frame by frame, in float64."""
    frames = []
    for positive, negative in zip(
        conditional[0].unbind(1), unconditional[0].unbind(1), strict=True
    ):
        along = positive.double().flatten()
        update = (positive - negative).double().flatten()
        update = update * min(1.0, threshold / float(update.norm()))
        unit = along / along.norm()
        orthogonal = update - (update @ unit) * unit
        frames.append((along + (scale - 1) * orthogonal).view_as(positive))
    return torch.stack(frames, dim=1)[None]


@pytest.mark.parametrize("threshold", [0.5, 27.0, 1000.0])
def test_apg_is_the_papers_formula_frame_by_frame(threshold: float) -> None:
    generator = torch.Generator().manual_seed(1)
    conditional, unconditional = torch.randn(2, 1, 48, 4, 6, 8, generator=generator)
    guided = apg(conditional, unconditional, 8.0, threshold)
    expected = reference_apg(conditional, unconditional, 8.0, threshold)
    torch.testing.assert_close(guided.double(), expected, atol=2e-5, rtol=0)


def denoised_by_hand(pipe: Any, request: ResolvedRequest, threshold: float) -> torch.Tensor:
    """The sampling loop written out, with both passes in plain sight."""
    with torch.no_grad():
        embeds = pipe.encode_prompt(
            request.prompt, request.negative_prompt, max_sequence_length=512
        )
        pipe.scheduler.set_timesteps(request.num_inference_steps)
        shape = (
            1,
            48,
            (request.num_frames - 1) // 4 + 1,
            request.height // 16,
            request.width // 16,
        )
        latents = torch.randn(shape, generator=torch.Generator("cpu").manual_seed(request.seed))
        tokens = shape[2] * (shape[3] // 2) * (shape[4] // 2)
        for t in pipe.scheduler.timesteps:
            timestep = torch.full((1, tokens), float(t))
            positive, negative = (
                pipe.transformer(
                    latents.to(pipe.transformer.dtype), timestep, each, return_dict=False
                )[0]
                for each in embeds
            )
            guided = apg(positive, negative, request.guidance_scale, threshold)
            latents = pipe.scheduler.step(guided, t, latents, return_dict=False)[0]
    return latents


def test_apg_guides_the_whole_sampling(ti2v: Any, snapshots: list[Path]) -> None:
    request = request_of(guidance_scale=8.0, options=APG)
    plain = request.model_copy(update={"options": {}})
    latents, unprojected = (_denoise(ti2v, [each], Context()) for each in (request, plain))
    assert torch.equal(latents, denoised_by_hand(bare_pipeline(snapshots[0]), request, 3.0))
    assert not torch.equal(latents, unprojected)


def test_apg_takes_pictures_and_leaves_nothing_behind(
    ti2v: Any, snapshots: list[Path], picture: Path
) -> None:
    projected = frames_of(ti2v, request_of(image=picture, options=APG))
    plain = frames_of(ti2v, request_of(image=picture))
    assert not np.array_equal(projected, plain)
    assert np.array_equal(plain, bare_frames(snapshots[0], request_of(image=picture)))


@pytest.mark.parametrize("options", [{}, APG])
@pytest.mark.parametrize(("guidance_scale", "passes"), [(5.0, 2), (1.0, 1), (0.0, 1)])
def test_both_guidances_cost_one_pass_more(
    ti2v: Any, options: dict[str, Any], guidance_scale: float, passes: int
) -> None:
    calls: list[object] = []
    hook = ti2v.transformer.blocks[0].register_forward_hook(lambda *_: calls.append(None))
    generate(ti2v, request_of(guidance_scale=guidance_scale, options=options), Context())
    hook.remove()
    assert len(calls) == passes * STEPS


@pytest.mark.parametrize("options", [{}, APG])
def test_a_cancel_leaves_in_its_step_and_the_next_job_is_whole(
    ti2v: Any, snapshots: list[Path], options: dict[str, Any]
) -> None:
    context = Context(stop_at=(Phase.DENOISING, 2))
    with pytest.raises(JobCancelled):
        generate(ti2v, request_of(options=options), context)
    assert context.reports[-1] == (Phase.DENOISING, 2, STEPS)
    assert np.array_equal(frames_of(ti2v, request_of()), bare_frames(snapshots[0], request_of()))


# The real Waver, on the day it is published


class WaverPipeline(WanPipeline):
    """What diffusers may have one day: the name is its own, the arguments are diffusers' usual."""


def published(folder: Path) -> Path:
    """A checkpoint under an id of its own, of the class above."""

    def save(snapshot: Path) -> None:
        tiny.save_ti2v(snapshot)
        index = snapshot / "model_index.json"
        index.write_text(index.read_text().replace('"WanPipeline"', '"WaverPipeline"'))

    return publish(folder, "FoundationVision/Waver-1.0", Path(__file__), save, force=True)


def test_the_real_one_waits_for_a_diffusers_that_knows_it(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="has no WaverPipeline") as refused:
        load(published(tmp_path), CPU)
    assert "waver/requirements.txt" in str(refused.value.body.hint)


def test_the_real_one_runs_once_diffusers_has_it(
    snapshots: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the scheduler that it brings along, whatever that is."""
    monkeypatch.setattr(diffusers, "WaverPipeline", WaverPipeline, raising=False)
    frames = frames_of(load(published(tmp_path), CPU), request_of())
    bare = bare_pipeline(snapshots[0])
    bare.scheduler = UniPCMultistepScheduler.from_pretrained(snapshots[0], subfolder="scheduler")
    assert np.array_equal(frames, called(bare, request_of()))


def test_nothing_else_passes_for_the_real_one(tmp_path: Path) -> None:
    other = publish(tmp_path, "someone/waver-5b", Path(__file__), tiny.save_ti2v, force=True)
    with pytest.raises(CheckpointError, match="is not Waver: it holds a WanPipeline"):
        load(other, CPU)
