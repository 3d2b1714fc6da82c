"""The torch side of common, on its own: devices, pixels, seeds, headers, broken checkpoints."""

import json
from collections.abc import Callable
from pathlib import Path

import common.runtime.libraries  # noqa: F401

import numpy as np
import pytest
import torch
from diffusers import WanPipeline
from diffusers.video_processor import VideoProcessor
from torch._utils import _get_device_index

from common.base.errors import (
    CheckpointError,
    GenerationFailed,
    InvalidRequest,
    JobCancelled,
    OutOfMemory,
)
from common.contract import LoadReport, Phase
from common.runtime.checkpoints import find_class, load_pipeline
from common.runtime.devices import choose, compute_dtype, memory_errors, pick_device
from common.runtime.live_weights import parameter_count
from common.runtime.sampling import generator_for, step_callback, to_uint8
from common.runtime.weights import checkpoint_name
from scripts.tiny.wan21 import save_t2v
from tests.formats import on_cpu


class Context:
    """A job that is cancelled once ``left`` checks have passed."""

    def __init__(self, left: int = 1000) -> None:
        self.left = left
        self.reports: list[tuple[Phase, int, int]] = []

    def progress(self, phase: Phase, step: int = 0, steps: int = 0) -> None:
        self.reports.append((phase, step, steps))

    def preview(self, step: int, picture: Callable[[], object]) -> None:
        pass

    def raise_if_cancelled(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise JobCancelled


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    folder = tmp_path / "models--org--tiny-wan" / "snapshots" / "abc"
    folder.mkdir(parents=True)
    save_t2v(folder, num_heads=2)
    return folder


def test_auto_takes_what_there_is() -> None:
    expected = "cuda" if torch.cuda.is_available() else "cpu"
    assert pick_device("auto").type == expected
    assert pick_device("cpu") == torch.device("cpu")


@pytest.mark.parametrize(
    ("name", "chosen"), [("auto", 1), ("cuda", 1), ("cuda:0", 0), ("cuda:1", 1)]
)
def test_a_gpu_is_named_so_that_torch_can_bound_its_memory(name: str, chosen: int) -> None:
    device = choose(name, ["cpu", "cuda:0", "cuda:1"], 1)
    assert _get_device_index(device) == chosen, "which set_per_process_memory_fraction asks for"


@pytest.mark.parametrize("name", ["cuda:99", "mps", "gpu", ""])
def test_a_device_that_is_not_there_is_refused_by_name(name: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        pick_device(name)
    assert caught.value.body.hint is not None
    assert "cpu" in caught.value.body.hint


@pytest.mark.parametrize("name", ["bfloat16", "float32"])
def test_a_format_by_hand_beats_what_suits_the_device(name: str) -> None:
    asked = [compute_dtype(torch.device(device), name) for device in ("cpu", "cuda")]
    assert asked == [getattr(torch, name)] * 2
    assert compute_dtype(torch.device("cuda")) is torch.bfloat16


def test_running_out_of_memory_has_one_name() -> None:
    with pytest.raises(OutOfMemory), memory_errors():
        torch.empty(2**60, dtype=torch.uint8)
    with pytest.raises(RuntimeError, match="shape"), memory_errors():
        torch.zeros(2).view(3)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
def test_pixels_equal_those_of_diffusers(dtype: torch.dtype) -> None:
    video = torch.empty(1, 3, 5, 16, 24).uniform_(-1.1, 1.1, generator=generator_for(3)).to(dtype)
    processor = VideoProcessor(vae_scale_factor=8)
    unit = processor.postprocess_video(video, output_type="np")[0]
    pictures = processor.postprocess_video(video, output_type="pil")[0]
    frames = to_uint8(video)
    assert frames.shape == (5, 16, 24, 3)
    assert np.array_equal(frames, (unit * 255).round().astype(np.uint8))
    assert np.array_equal(frames, np.stack([np.asarray(picture) for picture in pictures]))


def test_nan_is_an_error_not_a_black_video() -> None:
    video = torch.zeros(1, 3, 1, 8, 8)
    video[0, 1, 0, 2, 2] = torch.nan
    with pytest.raises(GenerationFailed):
        to_uint8(video)


def test_a_seed_is_a_seed() -> None:
    first, again, other = (torch.randn(4, generator=generator_for(s)) for s in (7, 7, 2**63 - 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_every_step_is_reported_and_may_be_the_last() -> None:
    context = Context(left=1)
    on_step_end = step_callback(context, 4)
    tensors = {"latents": torch.zeros(1)}
    assert on_step_end(None, 0, None, tensors) is tensors
    with pytest.raises(JobCancelled):
        on_step_end(None, 1, None, tensors)
    assert context.reports == [(Phase.DENOISING, 1, 4), (Phase.DENOISING, 2, 4)]


def test_a_checkpoint_is_called_by_its_hub_id(tmp_path: Path) -> None:
    assert checkpoint_name(tmp_path / "models--org--name" / "snapshots" / "abc") == "org/name"
    assert checkpoint_name(tmp_path / "mine") == "mine"


def test_the_class_is_read_from_the_index(checkpoint: Path) -> None:
    assert find_class(checkpoint) == "WanPipeline"
    assert find_class(checkpoint, known=["WanPipeline"]) == "WanPipeline"
    with pytest.raises(CheckpointError, match="another model: it holds a WanPipeline, not a X"):
        find_class(checkpoint, known=["X"])


@pytest.mark.parametrize("text", [None, "", "{", "[]", '{"_class_name": 3}'])
def test_an_index_that_is_none_says_so(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "model_index.json").write_text(text)
    with pytest.raises(CheckpointError) as caught:
        find_class(tmp_path)
    assert str(tmp_path) not in str(caught.value)
    assert caught.value.body.hint is not None


Damage = Callable[[Path], object]


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def without_a_tensor(path: Path) -> None:
    from safetensors.torch import load_file, save_file

    tensors = load_file(path)
    del tensors[sorted(tensors)[0]]
    save_file(tensors, path, metadata={"format": "pt"})


def of_another_shape(path: Path) -> None:
    from safetensors.torch import load_file, save_file

    tensors = load_file(path)
    name = sorted(tensors)[0]
    save_file({**tensors, name: tensors[name].repeat(2, *[1] * (tensors[name].ndim - 1))}, path)


WEIGHTS = ["transformer/diffusion_pytorch_model.safetensors", "text_encoder/model.safetensors"]
CONFIGS = ["transformer/config.json", "vae/config.json", "scheduler/scheduler_config.json"]
DAMAGE = [
    *[(file, damage) for file in WEIGHTS for damage in (cut_short, lambda path: path.unlink())],
    *[(file, damage) for file in CONFIGS for damage in (cut_short, lambda path: path.unlink())],
    (WEIGHTS[0], without_a_tensor),
    (WEIGHTS[0], of_another_shape),
    ("tokenizer/tokenizer.json", cut_short),
]


@pytest.mark.parametrize(("file", "damage"), DAMAGE)
def test_a_damaged_checkpoint_is_named(checkpoint: Path, file: str, damage: Damage) -> None:
    damage(checkpoint / file)
    with pytest.raises(CheckpointError, match=r"^checkpoint org/tiny-wan (is|does not)") as caught:
        load_pipeline(WanPipeline, checkpoint, on_cpu())
    assert str(checkpoint) not in str(caught.value)


def test_pickled_weights_are_never_read(checkpoint: Path) -> None:
    weights = checkpoint / WEIGHTS[0]
    torch.save({}, weights.with_suffix(".bin"))
    weights.unlink()
    with pytest.raises(CheckpointError):
        load_pipeline(WanPipeline, checkpoint, on_cpu())


@pytest.mark.parametrize("name", ["bfloat16", "float32"])
def test_weights_are_loaded_in_the_format_but_for_what_must_not_be(
    checkpoint: Path, name: str
) -> None:
    reports: list[LoadReport] = []
    options = on_cpu(compute_dtype=name, on_report=reports.append)
    pipeline = load_pipeline(WanPipeline, checkpoint, options)
    dtype = getattr(torch, name)
    parameters = dict(pipeline.transformer.named_parameters())
    assert parameters["blocks.0.attn1.to_q.weight"].dtype is dtype
    assert parameters["blocks.0.norm2.weight"].dtype is torch.float32
    assert pipeline.vae.dtype is pipeline.text_encoder.dtype is dtype
    assert (reports[0].compute_dtype, reports[0].compute_dtype_reason) == (
        name,
        "set by COMPUTE_DTYPE",
    )


def test_what_its_authors_run_in_float32_stays_so(checkpoint: Path) -> None:
    options = on_cpu(compute_dtype="bfloat16")
    pipeline = load_pipeline(WanPipeline, checkpoint, options, float32=["vae"])
    assert pipeline.vae.dtype is torch.float32
    assert pipeline.text_encoder.dtype is torch.bfloat16


def test_parameters_are_counted_from_headers(checkpoint: Path) -> None:
    pipeline = load_pipeline(WanPipeline, checkpoint, on_cpu())
    transformer = sum(p.numel() for p in pipeline.transformer.parameters())
    assert parameter_count(checkpoint, ["transformer"]) == transformer
    assert parameter_count(checkpoint) > transformer
    (checkpoint / "single-file.safetensors").write_bytes(b"")
    assert parameter_count(checkpoint, ["transformer"]) == transformer


@pytest.mark.parametrize(
    "content",
    [b"", b"\x01", b"\xff" * 16, b"\x02" + bytes(7) + b"[]", b"\x04" + bytes(7) + b'{"a"'],
)
def test_a_damaged_header_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "vae").mkdir()
    (tmp_path / "model_index.json").write_text('{"vae": ["diffusers", "AutoencoderKLWan"]}')
    (tmp_path / "vae" / "diffusion_pytorch_model.safetensors").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"vae/diffusion_pytorch_model\.safetensors"):
        parameter_count(tmp_path)


def test_the_tiny_index_is_the_published_one(checkpoint: Path) -> None:
    index = json.loads((checkpoint / "model_index.json").read_text())
    assert index.pop("_diffusers_version")
    assert index == {
        "_class_name": "WanPipeline",
        "scheduler": ["diffusers", "UniPCMultistepScheduler"],
        "text_encoder": ["transformers", "UMT5EncoderModel"],
        "tokenizer": ["transformers", "T5TokenizerFast"],
        "transformer": ["diffusers", "WanTransformer3DModel"],
        "vae": ["diffusers", "AutoencoderKLWan"],
    }
