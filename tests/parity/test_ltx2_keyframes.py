"""LTX-2 from pictures at any frames: the same bits as diffusers' own condition pipeline."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import common.runtime.libraries  # noqa: F401

import numpy as np
import pytest
import torch
from diffusers import LTX2ConditionPipeline
from diffusers.pipelines.ltx2.pipeline_ltx2_condition import LTX2VideoCondition
from PIL import Image

from common.contract.compute_dtype import ComputeDtype
from common.kinds.video import ResolvedRequest
from common.kinds.video.keyframes import ResolvedKeyframe
from ltx2.denoising import Ltx2, conditions, denoise
from ltx2.fidelity import Conditioned, ImageToVideo, gate_by_noise_level
from ltx2.keyframes import conditions_of, latent_index
from ltx2.model_config import SPEC
from scripts.tiny import ltx2 as tiny
from tests.films import of_frames
from tests.formats import on_cpu
from tests.parity.test_ltx2 import (
    NEUTRAL,
    STG,
    Recorder,
    a_request,
    assert_same,
    bare_call,
    bare_pipeline,
)

NO_RESCALE = {"guidance_rescale": 0.0, "audio_guidance_rescale": 0.0}
"""What is given counts for its contrast at another time than in diffusers (ltx2/fidelity.py)."""
SIZE = 96, 64
TOKENS = 2 * 3
"""Of a latent frame."""
CRF = 33
WORDS = {"prompt": "A cat on a beach", "negative_prompt": "blurry"}


class Kept(Conditioned):
    """Keeps what it starts from, picture and sound."""

    def prepare_latents(self, *args: Any, **kwargs: Any) -> Any:
        made = super().prepare_latents(*args, **kwargs)
        self.starts = [made[0].clone()]
        return made

    def prepare_audio_latents(self, *args: Any, **kwargs: Any) -> Any:
        made = super().prepare_audio_latents(*args, **kwargs)
        self.starts.append(made.clone())
        return made


class SameNoise(ImageToVideo):
    """Starts from what another one has kept."""

    starts: list[torch.Tensor]

    def prepare_latents(self, *args: Any, **kwargs: Any) -> Any:
        return self.starts[0], super().prepare_latents(*args, **kwargs)[1]

    def prepare_audio_latents(self, *_args: Any, **_kwargs: Any) -> Any:
        return self.starts[1]


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.build(tmp_path_factory.mktemp("models"), repositories=["Lightricks/LTX-2"])[0]


@pytest.fixture(scope="module")
def model(snapshot: Path) -> Ltx2:
    loaded = SPEC.load(snapshot, on_cpu())
    assert isinstance(loaded, Ltx2)
    return loaded


@pytest.fixture(scope="module")
def bare(snapshot: Path) -> Any:
    """diffusers' own, with the authors' shift and gate."""
    plain = bare_pipeline(snapshot)
    gate_by_noise_level(plain.transformer)
    pipeline = LTX2ConditionPipeline(**plain.components)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder, noise = tmp_path_factory.mktemp("pictures"), np.random.default_rng(1)
    paths = [folder / f"{index}.png" for index in range(3)]
    for path in paths:
        pixels = noise.integers(0, 256, (6, 9, 3), dtype=np.uint8)
        Image.fromarray(pixels).resize((120, 80)).save(path)
    return paths


def key(path: Path, frame: int, strength: float = 1.0) -> ResolvedKeyframe:
    return ResolvedKeyframe(path=path, frame=frame, strength=strength)


def theirs(model: Ltx2, request: ResolvedRequest, *at: float) -> list[LTX2VideoCondition]:
    """The same pictures, by the places in latents that are said here."""
    given = conditions(model, request)["conditions"]
    return [
        LTX2VideoCondition(frames=each.frames, index=index, strength=each.strength, crf=0)
        for each, index in zip(given, at, strict=True)
    ]


@pytest.mark.parametrize("guided", [False, True], ids=["alone", "guided"])
def test_a_first_and_a_last_picture(
    model: Ltx2, bare: Any, pictures: list[Path], *, guided: bool
) -> None:
    given = {"image": pictures[0], "last_image": pictures[1]}
    scales = {"guidance_scale": 3.0, "options": NO_RESCALE} if guided else {"guidance_scale": 1.0}
    request = a_request(**given, **scales)
    arguments = {**STG, **NO_RESCALE} if guided else NEUTRAL
    at = theirs(model, request, 0, 1 + 15 / 8)
    expected = bare_call(bare, request, conditions=at, use_cross_timestep=False, **arguments)
    assert_same(model, request, expected)


def test_two_keyframes_and_no_first_picture(model: Ltx2, bare: Any, pictures: list[Path]) -> None:
    """At frames 1 and 9, which diffusers' own indices are."""
    keys = key(pictures[0], 1), key(pictures[1], 9)
    request = a_request(keyframes=keys, guidance_scale=1.0)
    at = theirs(model, request, 1, 2)
    expected = bare_call(bare, request, conditions=at, use_cross_timestep=False, **NEUTRAL)
    assert_same(model, request, expected)


def test_a_first_picture_alone_is_image_to_video(snapshot: Path, pictures: list[Path]) -> None:
    """Given the noise of the other: the two draw theirs in another order."""
    precise = on_cpu(compute_dtype=ComputeDtype.FLOAT32)
    model = SPEC.load(snapshot, precise)
    request = a_request(image=pictures[0])
    kept = replace(model, conditioned=Kept(**model.conditioned.components))
    by_conditions = denoise(
        kept, request, {**WORDS, "conditions": conditions_of(request, CRF)}, Recorder()
    )
    given = SameNoise(**model.image_to_video.components)
    for pipeline in (kept.conditioned, given):
        pipeline.set_progress_bar_config(disable=True)
    given.starts = kept.conditioned.starts
    as_today = denoise(
        replace(model, image_to_video=given), request, conditions(model, request), Recorder()
    )
    torch.testing.assert_close(by_conditions.video, as_today.video, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(by_conditions.audio, as_today.audio, atol=1e-4, rtol=1e-4)
    assert by_conditions.video.std() > 0.1


def test_frames_that_it_goes_on_from_come_through_as_they_are(
    model: Ltx2, pictures: list[Path], tmp_path: Path
) -> None:
    noise = np.random.default_rng(2).integers(0, 256, (40, *SIZE[::-1], 3), dtype=np.uint8)
    film = of_frames(tmp_path / "film.mp4", noise)
    fields = {"extend": film, "extend_frames": 40, "video_frames": 9, "num_frames": 16}
    request = a_request(**fields, last_image=pictures[0])
    (tail, last) = conditions(model, request)["conditions"]
    assert (tail.frames.shape[0], last.index) == (9, latent_index(24))
    clean, mask, *_ = model.conditioned.prepare_latents(
        [tail, last],
        width=96,
        height=64,
        num_frames=25,
        generator=torch.Generator(),
        dtype=torch.float32,
        device="cpu",
    )
    assert (mask[0, : 2 * TOKENS] == 1).all()
    assert (mask[0, 2 * TOKENS : 4 * TOKENS] == 0).all()
    assert (mask[0, 4 * TOKENS :] == 1).all()
    found = denoise(model, request, conditions(model, request), Recorder()).video
    assert found.shape[2] == 4
    kept = found[0, :, :2].flatten(1).T.float()
    torch.testing.assert_close(kept, clean[0, : 2 * TOKENS].to(found.dtype).float())


@pytest.mark.parametrize("frame", [1, 8, 9, 16])
def test_a_picture_is_where_the_authors_put_it(
    model: Ltx2, pictures: list[Path], frame: int
) -> None:
    """One frame long, wherever that is: ``VideoConditionByKeyframeIndex``."""
    request = a_request(keyframes=(key(pictures[0], frame),))
    given = conditions(model, request)["conditions"]
    *_, positions = model.conditioned.prepare_latents(
        given,
        width=96,
        height=64,
        num_frames=17,
        frame_rate=24.0,
        dtype=torch.float32,
        device="cpu",
    )
    assert positions.shape == (1, 3, TOKENS, 2)
    time = positions[0, 0] * 24
    torch.testing.assert_close(time, torch.tensor([[frame, frame + 1.0]]).expand(TOKENS, 2))


@pytest.mark.parametrize(("span", "kept"), [((9, 12), [0, 1]), ((0, 1), [1, 2])], ids=str)
def test_of_a_retake_what_is_outside_of_the_span_stays(
    model: Ltx2, tmp_path: Path, span: tuple[int, int], kept: list[int]
) -> None:
    noise = np.random.default_rng(3).integers(0, 256, (3, 2, 3, 3), dtype=np.uint8)
    film = of_frames(tmp_path / "film.mp4", noise.repeat(32, 1).repeat(32, 2).repeat(7, 0))
    request = a_request(retake=film, retake_frames=21, retake_from=span[0], retake_to=span[1])
    given = conditions(model, request)
    (whole,) = given["conditions"]
    clean = torch.stack([encoded(model, whole.frames)[0, :, index] for index in range(3)])
    found = denoise(model, request, given, Recorder()).video[0].movedim(1, 0).float()
    same = [index for index in range(3) if torch.allclose(found[index], clean[index], atol=0.05)]
    assert same == kept
    assert not model.text_to_video.vae.use_tiling


def encoded(model: Ltx2, frames: Any) -> torch.Tensor:
    """Normalised latents of [T, height, width, 3]."""
    vae = model.text_to_video.vae
    pixels = torch.from_numpy(frames).movedim(-1, 0)[None].float() / 127.5 - 1
    with torch.no_grad():
        latents = vae.encode(pixels.to(vae.dtype)).latent_dist.mode()
    normalised: torch.Tensor = model.text_to_video._normalize_latents(
        latents, vae.latents_mean, vae.latents_std
    ).float()
    return normalised
