"""Videos from videos: what is made anew equals diffusers' own call, and what is kept is kept."""

from functools import partial
from pathlib import Path
from typing import Any

import common.runtime.libraries  # noqa: F401

import numpy as np
import pytest
import torch
from diffusers import WanVideoToVideoPipeline
from PIL import Image

from common.kinds.video.resolved import ResolvedRequest
from common.kinds.video.shown import source
from common.runtime.flow_unipc import FlowUniPCScheduler
from common.runtime.from_video import encode, kept_latents
from common.runtime.sampling import generator_for
from ltx2.model_config import SPEC as LTX2
from scripts.tiny import ltx2 as tiny_ltx2
from scripts.tiny import wan21 as tiny_wan21
from scripts.tiny import waver as tiny_waver
from tests.films import film
from tests.formats import on_cpu
from tests.job_contexts import Context
from tests.parity import clips
from tests.parity.bare import bare
from wan21 import pipeline as wan21
from wan21.model_config import SPEC as WAN21
from waver import pipeline as waver

CPU = on_cpu()
SIZE, FRAMES = (64, 48), 13
request_of = partial(clips.request_of, WAN21, SIZE)


@pytest.fixture(scope="module")
def snapshots(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return tiny_wan21.build(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return film(tmp_path_factory.mktemp("films") / "a.mp4", 30, 16, "64x48")


def remade(video: Path, strength: float, **fields: Any) -> ResolvedRequest:
    asked = {"num_frames": FRAMES, "video": video, "strength": strength, "fps": 16.0}
    return request_of(**{**asked, **fields})


@pytest.mark.parametrize("strength", [0.34, 0.8, 1.0])
def test_it_is_diffusers_own_video_to_video(
    snapshots: list[Path], video: Path, strength: float
) -> None:
    request = remade(video, strength, num_inference_steps=5)
    ours = wan21._denoise(wan21.load(snapshots[0], CPU), request, Context())
    theirs = bare(WanVideoToVideoPipeline, snapshots[0], float32=("vae",))
    theirs.scheduler = FlowUniPCScheduler.from_config(theirs.scheduler.config, flow_shift=5.0)
    frames = source(request)
    assert frames is not None
    latents = theirs(
        video=[Image.fromarray(frame) for frame in frames],
        strength=strength,
        prompt=request.prompt,
        negative_prompt=request.negative_prompt,
        height=request.height,
        width=request.width,
        num_inference_steps=5,
        guidance_scale=request.guidance_scale,
        generator=generator_for(request.seed),
        output_type="latent",
    ).frames
    torch.testing.assert_close(ours, latents, rtol=0, atol=1e-5)


def retaken(video: Path, begin: int, end: int) -> ResolvedRequest:
    fields = {"num_frames": FRAMES, "retake": video, "retake_frames": 30, "fps": 16.0}
    return request_of(**fields, retake_from=begin, retake_to=end)


@pytest.mark.parametrize(
    ("span", "made"),
    [((0, 1), [0]), ((1, 2), [1]), ((4, 6), [1, 2]), ((5, 9), [2]), ((0, 13), [0, 1, 2, 3])],
)
def test_latents_of_the_span_alone_are_made(
    snapshots: list[Path], video: Path, span: tuple[int, int], made: list[int]
) -> None:
    assert (~kept_latents(4, span)).nonzero().flatten().tolist() == made
    request, pipeline = retaken(video, *span), wan21.load(snapshots[0], CPU)
    latents = wan21._denoise(pipeline, request, Context())
    frames = source(request)
    assert frames is not None
    own = encode(pipeline.vae, frames)
    for index in range(4):
        same = torch.equal(latents[:, :, index], own[:, :, index])
        assert same is (index not in made)


def test_the_stand_in_does_both(tmp_path: Path, video: Path) -> None:
    pipeline = waver.load(tiny_waver.build(tmp_path)[0], CPU)
    size = {"width": 64, "height": 64}
    for request in (remade(video, 0.5, **size), retaken(video, 5, 9).model_copy(update=size)):
        clip = waver.generate(pipeline, request, Context())
        assert np.concatenate(list(clip.frames)).shape == (FRAMES, 64, 64, 3)


def test_a_model_that_is_shown_a_picture_goes_on_from_the_last_frame(
    snapshots: list[Path], tmp_path: Path, video: Path
) -> None:
    """As from that frame as a picture, and the frames are those of both."""
    i2v = wan21.load(snapshots[2], CPU)
    asked = {"extend": video, "extend_frames": 30, "video_frames": 1, "num_frames": 12}
    longer = request_of(**asked, fps=16.0)
    last = source(remade(video, 1.0, num_frames=30))
    assert last is not None
    Image.fromarray(last[-1]).save(tmp_path / "last.png")
    single = request_of(image=tmp_path / "last.png", num_frames=13)
    latents = [wan21._denoise(i2v, request, Context()) for request in (longer, single)]
    assert torch.equal(*latents)
    assert wan21.generate(i2v, longer, Context()).num_frames == 13


def test_ltx2_goes_on_in_picture_and_sound(tmp_path: Path) -> None:
    model = LTX2.load(tiny_ltx2.build(tmp_path)[0], CPU)
    path = film(tmp_path / "a.mp4", 20, 24, "64x64")
    asked = {"extend": path, "extend_frames": 20, "video_frames": 1, "num_frames": 8}
    request = clips.request_of(LTX2, (64, 64), generate_audio=True, fps=24.0, **asked)
    clip = LTX2.generate(model, request, Context())
    assert np.concatenate(list(clip.frames)).shape[0] == clip.num_frames == 9
    assert clip.audio is not None
    assert len(clip.audio.samples) / clip.audio.sample_rate == pytest.approx(9 / 24, abs=0.05)
