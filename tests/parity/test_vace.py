"""VACE through the service: bit for bit what diffusers' pipeline makes of the same conditions."""

import json
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import common.runtime.libraries  # noqa: F401

import numpy as np
import pytest
import torch
from diffusers import WanVACEPipeline
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import save_file

from common.contract import Quantization
from common.kinds.video.loras import ResolvedLora
from common.kinds.video.resolved import ResolvedRequest
from common.runtime.flow_unipc import FlowUniPCScheduler
from common.runtime.images import load_image, open_image
from common.runtime.quantization import scheme_of
from common.runtime.videos import load_video
from scripts.tiny import wan21 as tiny
from tests.films import film
from tests.formats import on_cpu
from tests.parity import clips
from tests.parity.bare import bare
from tests.parity.clips import called, saved_picture
from wan21.estimates import HEADROOM, VACE_BYTES, memory_of, num_tokens
from wan21.model_config import SPEC

SIZE = (64, 48)
FRAMES = 9
STEPS = 2
request_of = partial(clips.request_of, SPEC, SIZE, num_frames=FRAMES, num_inference_steps=STEPS)
frames_of = partial(clips.frames_of, SPEC)


@pytest.fixture(scope="module")
def models_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def snapshot(models_dir: Path) -> Path:
    return tiny.build_vace(models_dir)[0]


@pytest.fixture(scope="module")
def vace(snapshot: Path) -> Any:
    return SPEC.load(snapshot, on_cpu())


@pytest.fixture(scope="module")
def pipe(snapshot: Path) -> Any:
    pipe = bare(WanVACEPipeline, snapshot, float32=("vae",))
    pipe.scheduler = FlowUniPCScheduler.from_config(pipe.scheduler.config, flow_shift=16.0)
    return pipe


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved_picture(tmp_path_factory.mktemp("picture"))


@pytest.fixture(scope="module")
def movie(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("movie") / "a.mp4"
    film(path, 21, 16, f"{SIZE[0]}x{SIZE[1]}")
    return path


def fitted(path: Path) -> NDArray[np.float32]:
    return load_image(path, *SIZE).astype(np.float32) / 255


def shown(path: Path, count: int, start: int = 0) -> NDArray[np.float32]:
    frames = load_video(path, num_frames=count, width=SIZE[0], height=SIZE[1], fps=16, start=start)
    return frames.astype(np.float32) / 255


def given(frames: dict[int, NDArray[np.float32]], count: int = FRAMES) -> dict[str, Any]:
    """The library's arguments: black where a frame is known, white and grey where it is made."""
    video = np.full((1, count, SIZE[1], SIZE[0], 3), 0.5, np.float32)
    mask = np.ones_like(video)
    for at, pixels in frames.items():
        video[0, at], mask[0, at] = pixels, 0
    return {"video": video, "mask": mask}


def expected(pipe: Any, request: ResolvedRequest, **conditions: Any) -> NDArray[np.uint8]:
    plain = request.model_copy(update={"image": None, "num_frames": request.clip_frames})
    return called(partial(pipe, **conditions), plain)


def test_of_words_alone(vace: Any, pipe: Any) -> None:
    request = request_of()
    assert np.array_equal(frames_of(vace, request), expected(pipe, request))


def test_from_a_picture_to_another(vace: Any, pipe: Any, picture: Path) -> None:
    request = request_of(image=picture)
    first = expected(pipe, request, **given({0: fitted(picture)}))
    assert np.array_equal(frames_of(vace, request), first)
    both = request_of(image=picture, last_image=picture)
    want = expected(pipe, both, **given({0: fitted(picture), FRAMES - 1: fitted(picture)}))
    assert np.array_equal(frames_of(vace, both), want)
    assert not np.array_equal(first, want)


def test_of_pictures_that_are_no_frames(
    vace: Any, pipe: Any, picture: Path, tmp_path: Path
) -> None:
    """Whole, in the authors' order, which is the other way round in diffusers."""
    tall = tmp_path / "tall.png"
    Image.fromarray(np.full((90, 30, 3), (200, 30, 40), np.uint8)).save(tall)
    request = request_of(guidance_scale=1, reference_images=(picture, tall))
    whole = [open_image(tall), open_image(picture)]
    want = pipe_frames(pipe, request, whole)
    made = frames_of(vace, request)
    assert len(made) == FRAMES, "their latents are thrown away"
    assert np.array_equal(made, want)
    assert not np.array_equal(made, pipe_frames(pipe, request, whole[::-1]))


def pipe_frames(pipe: Any, request: ResolvedRequest, pictures: list[Any]) -> NDArray[np.uint8]:
    return expected(pipe, request, reference_images=pictures)


def test_it_goes_on_from_a_second_of_a_video(vace: Any, pipe: Any, movie: Path) -> None:
    fields = {"extend": movie, "extend_frames": 21, "video_frames": 17, "num_frames": 4}
    request = request_of(guidance_scale=1, **fields)
    known = dict(enumerate(shown(movie, 17, start=4)))
    want = expected(pipe, request, **given(known, 21))
    assert np.array_equal(frames_of(vace, request), want)


@pytest.mark.parametrize(("span", "made"), [((6, 7), range(5, 9)), ((0, 2), range(5))])
def test_a_span_is_made_anew_in_whole_latents(
    vace: Any, pipe: Any, movie: Path, span: tuple[int, int], made: range
) -> None:
    fields = {"retake": movie, "retake_frames": 21, "retake_from": span[0], "retake_to": span[1]}
    request = request_of(guidance_scale=1, num_frames=13, **fields)
    known = {at: pixels for at, pixels in enumerate(shown(movie, 13)) if at not in made}
    want = expected(pipe, request, **given(known, 13))
    assert np.array_equal(frames_of(vace, request), want)


def test_it_follows_a_video_from_its_first_frame_on(vace: Any, pipe: Any, movie: Path) -> None:
    request = request_of(guidance_scale=1, video=movie)
    want = expected(pipe, request, **given({}) | {"video": shown(movie, FRAMES)[None]})
    assert np.array_equal(frames_of(vace, request), want)
    assert not np.array_equal(frames_of(vace, request_of(guidance_scale=1)), want)


@pytest.mark.parametrize(("frames", "hints"), [(9, 0), (8001, 3)])
def test_its_second_branch_and_its_video_are_counted(
    snapshot: Path, tmp_path: Path, frames: int, hints: int
) -> None:
    """Of a short clip decoding takes most; of a long one the two layers' hints, and the branch."""
    plain = tmp_path / "plain"
    shutil.copytree(snapshot, plain)
    config = plain / "transformer" / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "vace_layers": []}))
    request = request_of(num_frames=frames)
    more = memory_of(snapshot, request).run_bytes - memory_of(plain, request).run_bytes
    shown = SIZE[0] * SIZE[1] * frames * VACE_BYTES
    dim = 24
    assert more == pytest.approx(shown + num_tokens(request) * dim * 2 * hints * HEADROOM, abs=1)


def write_lora(folder: Path, block: str) -> ResolvedLora:
    generator = torch.Generator().manual_seed(5)
    tensors = {
        f"diffusion_model.{block}.self_attn.q.{half}.weight": 3
        * torch.randn(shape, generator=generator)
        for half, shape in (("lora_A", (4, 24)), ("lora_B", (24, 4)))
    }
    (folder / "loras").mkdir(exist_ok=True)
    save_file(tensors, folder / "loras" / f"{block}.safetensors")
    return ResolvedLora(name=block, strength=1.0, size_bytes=1)


def test_both_branches_are_quantized_and_take_loras(snapshot: Path, models_dir: Path) -> None:
    vace = SPEC.load(snapshot, on_cpu(quantization=Quantization.FP8, models_dir=models_dir))
    request = request_of(guidance_scale=1)
    plain = frames_of(vace, request)
    for stack in ("blocks", "vace_blocks"):
        modules = getattr(vace.transformer, stack).modules()
        assert Quantization.FP8 in {scheme_of(module) for module in modules}, stack
        lora = write_lora(models_dir, f"{stack}.1")
        changed = frames_of(vace, request.model_copy(update={"loras": (lora,)}))
        assert not np.array_equal(changed, plain), stack
    assert np.array_equal(frames_of(vace, request), plain), "gone to the bit"
