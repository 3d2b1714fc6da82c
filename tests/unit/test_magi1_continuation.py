"""MAGI-1 goes on from a video: what it gives back, where the seam is, how many frames come."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from common.base.errors import InvalidRequest
from common.contract import Phase
from common.kinds.video import VideoClip
from common.kinds.video.resolved import ResolvedRequest
from common.runtime.sampling import to_uint8
from common.runtime.videos import load_video
from magi1 import pipeline as magi1
from magi1.pipeline import MagiPipeline, encode_prefix
from scripts.tiny import magi1 as tiny
from tests.films import film
from tests.formats import on_cpu

SIZE = 64
TILE = 3
"""Latent frames that are decoded together."""


class Watching:
    """A job that nobody cancels, and what it was told."""

    def __init__(self) -> None:
        self.phases: list[Phase] = []
        self.chunks: list[tuple[int, int]] = []

    def progress(
        self,
        phase: Phase,
        step: int = 0,
        steps: int = 0,
        *,
        chunk: int = 0,
        chunks: int = 0,
        loss: float | None = None,
    ) -> None:
        self.phases.append(phase)
        self.chunks.append((chunk, chunks))

    def preview(self, step: int, picture: Callable[[], object]) -> None:
        pass

    def raise_if_cancelled(self) -> None:
        pass


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> MagiPipeline:
    folder = tiny.build(tmp_path_factory.mktemp("models"))[0]
    loaded = magi1.load(folder, on_cpu())
    loaded.vae.float()  # bfloat16 rounds by where a tensor lies in memory: it hides what is asked
    return loaded


def request_of(video: Path, video_frames: int, num_frames: int) -> ResolvedRequest:
    return ResolvedRequest(
        prompt="a cat",
        negative_prompt="",
        width=SIZE,
        height=SIZE,
        num_frames=num_frames,
        fps=24,
        seed=1,
        num_inference_steps=8,
        guidance_scale=1,
        video=video,
        video_frames=video_frames,
    )


def frames_of(clip: VideoClip) -> NDArray[np.uint8]:
    return np.concatenate(list(clip.frames))


def decoded(pipeline: MagiPipeline, latents: torch.Tensor) -> NDArray[np.uint8]:
    scaled = latents / float(pipeline.vae.config.scaling_factor)
    with torch.no_grad():
        return to_uint8(pipeline.vae.decode(scaled.to(pipeline.vae.dtype)).sample)


def same(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> bool:
    """But for the last rounding to 8 bits."""
    return one.shape == other.shape and int(np.abs(one.astype(int) - other).max()) <= 1


@pytest.mark.parametrize("given", range(4, 33, 4))
def test_it_begins_with_the_video_and_every_frame_is_there(
    pipeline: MagiPipeline, tmp_path: Path, given: int
):
    video = film(tmp_path / "a.mp4", 40)
    new = -given % 24 + 24
    clip = magi1.generate(pipeline, request_of(video, given, new), Watching())
    frames = frames_of(clip)
    assert frames.shape == (clip.num_frames, SIZE, SIZE, 3)
    assert clip.num_frames == given + new
    first = load_video(video, num_frames=given, width=SIZE, height=SIZE, fps=24)
    latents = encode_prefix(pipeline.vae, first)
    assert latents.shape[2] == given // 4
    # Latent frames of one tile see each other: those beside new ones are judged below.
    whole = latents.shape[2] // TILE * TILE
    if whole:
        assert same(frames[: 4 * whole], decoded(pipeline, latents[:, :, :whole]))


@pytest.mark.parametrize("given", [4, 8, 16, 24, 28, 32])
def test_it_is_decoded_as_if_it_were_one_piece(pipeline: MagiPipeline, tmp_path: Path, given: int):
    """No frame is lost or doubled at the seam: the latents, joined, decode to the very video."""
    video = film(tmp_path / "a.mp4", 40)
    request = request_of(video, given, -given % 24 + 48)
    made = frames_of(magi1.generate(pipeline, request, Watching()))
    with torch.no_grad():
        sampler = magi1._sampler(pipeline, request)
        assert sampler.prefix is not None
        new = torch.cat(list(sampler.chunks()), dim=2)
    # Of a single latent frame the sampler hands out the chunk with it.
    old = sampler.prefix[:, :, : 0 if given == 4 else None]
    assert same(made, decoded(pipeline, torch.cat([old, new], dim=2)))


def test_what_comes_after_depends_on_the_video(pipeline: MagiPipeline, tmp_path: Path):
    one = film(tmp_path / "a.mp4", 40)
    other = film(tmp_path / "b.mp4", 40, 24, "160x120", "-vf", "negate")
    new = [
        frames_of(magi1.generate(pipeline, request_of(path, 32, 16), Watching()))[36:]
        for path in (one, other)
    ]
    assert not np.array_equal(*new)


@pytest.mark.parametrize(("fps", "frames"), [(24, 13), (30, 25), (12, 7), (25, 29)])
def test_any_length_and_rate_works(pipeline: MagiPipeline, tmp_path: Path, fps: int, frames: int):
    video = film(tmp_path / "a.mp4", frames, fps)
    given = frames * 24 // fps // 4 * 4
    clip = magi1.generate(pipeline, request_of(video, given, -given % 24 + 24), Watching())
    assert len(frames_of(clip)) == clip.num_frames == given + -given % 24 + 24


def test_phases_come_in_order_and_all_chunks_are_counted(pipeline: MagiPipeline, tmp_path: Path):
    watching = Watching()
    request = request_of(film(tmp_path / "a.mp4", 40), 32, 40)
    frames_of(magi1.generate(pipeline, request, watching))
    order = [Phase.ENCODING_PROMPT, Phase.DENOISING, Phase.DECODING]
    assert list(dict.fromkeys(watching.phases)) == order
    assert watching.chunks[-1] == (3, 3)


def test_a_video_that_broke_meanwhile_fails_the_job_with_a_reason(
    pipeline: MagiPipeline, tmp_path: Path
):
    video = film(tmp_path / "a.mp4", 8)
    with pytest.raises(InvalidRequest, match="could not be decoded"):
        magi1.generate(pipeline, request_of(video, 32, 40), Watching())
