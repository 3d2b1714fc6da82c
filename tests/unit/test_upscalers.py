"""What makes a request's frames larger: where each can be, and what is said where it cannot."""

import hashlib
import shutil
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import pytest

from common.base.errors import CheckpointError, InvalidRequest, Unresolvable
from common.base.settings import Settings
from common.kinds.video import VIDEO_KIND, Capability, VideoVariant
from common.kinds.video.afterwards import as_asked
from common.kinds.video.clips import Whole
from common.kinds.video.publisher import refined
from common.kinds.video.refined_alone import refined_alone
from common.kinds.video.requests import GenerateRequest
from common.kinds.video.resolved import ResolvedRequest
from common.kinds.video.sizing import beside, shape, smaller, usual_request, work
from common.kinds.video.upscaler import ResolvedUpscaler, Upscaler, x4plus_weights
from common.kinds.video.upscalers import chosen_upscaler, upsampler_of
from common.media.clip import VideoClip
from common.media.refining.upscaling import WEIGHTS
from ltx2.model_config import DISTILLED, LTX_2_0, LTX_2_3
from scripts.fetch_file import Refused
from scripts.fetch_upscalers import Archive, missing, unpack
from tests.unit.credentials.test_publishers import making
from tests.unit.test_two_stages import put
from wan21.model_config import SPEC as WAN21

LATENT, X4PLUS = Upscaler.LATENT, Upscaler.X4PLUS
LARGEST = Whole("a.mp4", 960, 540, 481, 20.0, 24)


def settings(models: Path, **fields: Any) -> Settings:
    return Settings(_env_file=None, models_dir=models, **fields)


def asked(upscaler: str, **fields: Any) -> GenerateRequest:
    said = {"video": {"job": "0" * 32}, "strength": 0, "enable_upscaling": True}
    return GenerateRequest.model_validate({**said, "upscaler": upscaler, **fields})


def chosen(
    models: Path,
    upscaler: str,
    video: Whole | None = LARGEST,
    variant: VideoVariant = LTX_2_0,
    **fields: Any,
) -> ResolvedUpscaler | None:
    return chosen_upscaler(asked(upscaler, **fields), video, variant, settings(models))


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """With all that there is, by name."""
    for variant in (LTX_2_0, LTX_2_3):
        assert variant.extra
        put(tmp_path, variant.extra)
    x4plus_weights(tmp_path).parent.mkdir()
    for suffix in (".param", ".bin"):
        x4plus_weights(tmp_path).with_suffix(suffix).write_bytes(b"123")
    return tmp_path


def refusal(*given: Any, **fields: Any) -> tuple[str | None, str, str]:
    with pytest.raises(Unresolvable) as caught:
        chosen(*given, **fields)
    body = caught.value.body
    assert body.hint
    return body.param, body.message, body.hint


def test_who_is_there_is_taken(models: Path) -> None:
    latent, x4plus = chosen(models, LATENT), chosen(models, X4PLUS)
    assert latent
    assert x4plus
    assert (latent.name, latent.size_bytes) == (LATENT, 10)
    assert latent.revision == "47da56e2ad66ce4125a9922b4a8826bf407f9d0a"
    assert (x4plus.name, x4plus.size_bytes, x4plus.revision) == (X4PLUS, 6, "v0.2.5.0")
    assert chosen(models, Upscaler.ANIMEVIDEO) is None, "as where nothing is said"


def test_the_files_decide_and_a_lora_is_no_part_of_it(models: Path, tmp_path: Path) -> None:
    def can(variant: VideoVariant, **fields: Any) -> frozenset[Any]:
        here = VIDEO_KIND.bounded(variant, settings(models, **fields))
        return here.capabilities & {Capability.LATENT_UPSCALING, Capability.X4PLUS_UPSCALING}

    both = {Capability.LATENT_UPSCALING, Capability.X4PLUS_UPSCALING}
    assert can(LTX_2_0) == can(LTX_2_3) == both
    assert (
        can(WAN21.variants[0])
        == can(LTX_2_0, two_stages=False)
        == both - {Capability.LATENT_UPSCALING}
    )
    for lora in models.rglob("*lora*"):
        lora.unlink()
    assert can(LTX_2_0) == both
    x4plus_weights(models).with_suffix(".bin").unlink()
    assert can(LTX_2_0) == {Capability.LATENT_UPSCALING}
    for variant in (LTX_2_0, LTX_2_3):
        assert variant.extra
        assert len(upsampler_of(variant.extra).files) == len(variant.extra.files) - 1


def test_who_is_not_says_how_to_get_it(tmp_path: Path) -> None:
    fetched = "Run: scripts/download_models.sh"
    assert refusal(tmp_path, LATENT)[::2] == ("upscaler", f"{fetched} Lightricks/LTX-2")
    assert refusal(tmp_path, X4PLUS)[::2] == ("upscaler", f"{fetched} upscalers")
    param, message, hint = refusal(tmp_path, LATENT, variant=WAN21.variants[0])
    assert (param, "no upsampler" in message, "latent_upscaling" in hint) == ("upscaler",) + (
        True,
    ) * 2
    assert refusal(tmp_path, LATENT, variant=DISTILLED)[2].endswith(DISTILLED.checkpoint)


@pytest.mark.parametrize(
    ("given", "param", "words"),
    [
        ({"video": None}, "upscaler", "that is there"),
        ({"upscaling_scale": 4}, "upscaling_scale", "2 times"),
        ({"video": Whole("a.mp4", 970, 540, 9, 1.0, 24)}, "upscaler", "sides up to 1920"),
        ({"video": Whole("a.mp4", 960, 560, 9, 1.0, 24)}, "upscaler", "2088960 pixels"),
        ({"video": Whole("a.mp4", 96, 54, 482, 20.0, 24)}, "upscaler", "482 frames"),
    ],
)
def test_latents_have_limits(models: Path, given: dict[str, Any], param: str, words: str) -> None:
    found = refusal(models, LATENT, **given)
    assert found[0] == param
    assert words in found[1]


def test_it_says_nothing_by_itself() -> None:
    with pytest.raises((InvalidRequest, ValueError), match="upscaler needs enable_upscaling"):
        asked(X4PLUS, enable_upscaling=False)
    for name in (None, "realesr-animevideov3", X4PLUS, LATENT):
        found = None if name is None else ResolvedUpscaler(name=Upscaler(name))
        said = as_asked(0, 2, found)
        assert said.get("upscaler") == name
    assert as_asked(1, 1, ResolvedUpscaler(name=X4PLUS)).keys().isdisjoint({"upscaler"})


def resolved(models: Path, upscaler: str | None, **fields: Any) -> ResolvedRequest:
    request = asked(upscaler or Upscaler.ANIMEVIDEO, **fields)
    made = refined_alone(request, LARGEST, chosen(models, request.upscaler or "", **fields))
    assert isinstance(made.request, ResolvedRequest)
    return made.request


def test_the_model_is_needed_for_its_latents_alone(models: Path) -> None:
    latent = resolved(models, LATENT, enable_frame_interpolation=True)
    assert (latent.needs_model, latent.larger_afterwards, latent.refined) == (True, 1, True)
    assert (latent.num_frames, latent.fps, latent.upscaling_scale) == (481, 24, 2)
    assert not resolved(models, LATENT).refined
    for other in (None, X4PLUS):
        plain = resolved(models, other)
        assert (plain.needs_model, plain.larger_afterwards, plain.refined) == (False, 2, True)


def test_each_has_its_own_books(models: Path) -> None:
    plain, x4plus, latent = (resolved(models, each) for each in (None, X4PLUS, LATENT))
    assert len({work(each, 1.0).way for each in (plain, x4plus, latent)}) == 3
    assert len({shape(each) for each in (plain, x4plus, latent)}) == 3
    assert work(plain, 1.0).way == "refined 0 2", "what was learnt before counts"
    assert beside(latent) == 0 < beside(plain) < beside(x4plus) - 2**30
    smooth = resolved(models, LATENT, enable_frame_interpolation=True)
    assert beside(smooth) == 4 * beside(
        usual_request(LTX_2_0).model_copy(
            update={"width": 960, "height": 540, "frame_interpolation_exp": 1}
        )
    )
    assert list(smaller(LTX_2_0, latent)) == [], "its size is its own"


@pytest.mark.parametrize("needs_model", [True, False])
def test_frames_go_through_the_one_that_was_chosen(tmp_path: Path, needs_model: bool) -> None:
    fields = {"upscaling_scale": 4, "upscaler": ResolvedUpscaler(name=X4PLUS)}
    request = usual_request(LTX_2_0).model_copy(
        update=fields | {"strength": None if needs_model else 0.0}
    )
    frames = np.random.default_rng(1).integers(0, 256, (2, 24, 32, 3), np.uint8)

    def made(models: Path) -> VideoClip:
        clip = VideoClip(iter([frames]), 2, 32, 24, 24)
        return refined(clip, making(tmp_path, request), models)

    with pytest.raises(CheckpointError, match="realesrgan-x4plus are missing"):
        made(tmp_path / "none")
    stand_in(tmp_path)
    clip = made(tmp_path)
    assert (clip.width, clip.height) == (128, 96)
    assert np.concatenate(list(clip.frames)).shape == (2, 96, 128, 3)


def packed(folder: Path, **contents: bytes) -> Archive:
    path = folder / "archive.zip"
    with ZipFile(path, "w") as archive:
        archive.writestr("a-program", b"not wanted")
        for name, content in contents.items():
            archive.writestr(f"models/{name}", content)
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    return Archive(path.as_uri(), hashlib.sha256(path.read_bytes()).hexdigest(), sums)


def test_its_files_come_whole_or_not(tmp_path: Path) -> None:
    archive, folder = packed(tmp_path, param=b"1", bin=b"2"), tmp_path / "models" / "upscalers"
    assert missing(folder, archive) == ["param", "bin"]
    unpack(folder, archive)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        "param": b"1",
        "bin": b"2",
    }
    (folder / "bin").write_bytes(b"damaged")
    assert missing(folder, archive) == ["bin"]
    shutil.rmtree(folder)
    others = (
        Archive(archive.url, "0" * 64, archive.files),
        Archive(archive.url, archive.sha256, {"param": "0" * 64}),
        Archive(archive.url, archive.sha256, {"another": "0" * 64}),
    )
    for other in others:
        with pytest.raises(Refused):
            unpack(folder, other)
        assert list(folder.iterdir()) == []


def stand_in(models: Path) -> None:
    """The small network under the large one's name: it has the same ways in and out."""
    target = x4plus_weights(models)
    target.parent.mkdir(parents=True, exist_ok=True)
    for suffix in (".param", ".bin"):
        shutil.copy(WEIGHTS / f"realesr-animevideov3-x4{suffix}", target.with_suffix(suffix))
