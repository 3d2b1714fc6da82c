"""MAGI-1 through the common loader: names, FP8 files, what is quantized, memory, the T5 encoder."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import common.runtime.libraries  # noqa: F401

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from transformers import T5EncoderModel

from common.base.errors import CheckpointError
from common.contract import LoadReport, Quantization
from common.runtime import safetensors_reader
from common.runtime.cache_writer import plain_tensors
from common.runtime.components import PendingComponent, Treatment
from common.runtime.keep_t5 import KEEP_T5
from common.runtime.quantization import quantize_, scheme_of, weight_bytes
from magi1 import checkpoint
from magi1.configuration import find_config
from magi1.model_config import SPEC
from magi1.pipeline import load
from magi1.precision import keep_transformer
from magi1.text import text_encoder_component
from scripts.tiny import magi1 as tiny
from tests.formats import on_cpu

CPU = torch.device("cpu")
NF4 = Quantization.NF4
QUANTIZED_KEYS = ("q", "qx", "k", "v", "linear_kv_xattn", "linear_proj", "linear_fc1", "linear_fc2")
MIB = 2**20


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.build(tmp_path_factory.mktemp("models"))[0]


@pytest.fixture
def official(snapshot: Path, tmp_path: Path) -> Path:
    """A copy to damage: ``ckpt/magi/4.5B_distill`` with its neighbours."""
    root = snapshot.parents[2]
    copied = tmp_path / "models--sand-ai--MAGI-1" / "snapshots" / "abc"
    shutil.copytree(root, copied)
    return copied / snapshot.relative_to(root)


def transformer(
    folder: Path, scheme: Quantization = NF4, on_bytes: Callable[[int], None] = lambda _: None
) -> nn.Module:
    config = find_config(folder)
    rules = keep_transformer(config.transformer.num_layers)
    component = checkpoint.transformer_component(folder, config)
    with PendingComponent(component, Treatment(CPU, torch.bfloat16, scheme, rules), None) as found:
        return found.load(on_bytes)


def text_encoder(parts: Path, scheme: Quantization = Quantization.NONE) -> nn.Module:
    component = text_encoder_component(parts / "t5" / "t5-v1_1-xxl")
    treatment = Treatment(CPU, torch.bfloat16, scheme, KEEP_T5)
    with PendingComponent(component, treatment, None) as found:
        return found.load(lambda _: None)


def quantized(module: nn.Module) -> set[str]:
    return {name for name, child in module.named_modules() if scheme_of(child)}


def flat(module: nn.Module) -> dict[str, torch.Tensor]:
    return {name: t for name, (_, t) in plain_tensors(module, quantized(module))}


def assert_same(ours: nn.Module, theirs: nn.Module) -> None:
    first, second = flat(ours), flat(theirs)
    assert first.keys() == second.keys()
    for name, tensor in second.items():
        assert first[name].dtype is tensor.dtype, name
        bits = (t.contiguous().view(-1).view(torch.uint8) for t in (first[name], tensor))
        assert torch.equal(*bits), name


def rewrite(folder: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> None:
    """Replace the shards by one file with other tensors."""
    weights = folder / "inference_weight.distill"
    tensors: dict[str, torch.Tensor] = {}
    for path in sorted(weights.glob("*.safetensors")):
        tensors |= load_file(path)
    change(tensors)
    shutil.rmtree(weights)
    weights.mkdir()
    save_file(tensors, weights / "model.safetensors")


def to_official_fp8(tensors: dict[str, torch.Tensor]) -> None:
    """All blocks but the first and the last, as the published ``*_quant`` files have them."""
    layers = 1 + max(int(key.split(".")[2]) for key in tensors if ".layers." in key)
    for layer in range(1, layers - 1):
        for key in [key for key in tensors if f".layers.{layer}." in key]:
            module, _, kind = key.rpartition(".")
            if kind != "weight" or module.rpartition(".")[2] not in QUANTIZED_KEYS:
                continue
            weight = tensors[key]
            scale = weight.abs().max() / 448
            tensors[key] = (weight[None] / scale).to(torch.float8_e4m3fn)
            tensors[f"{module}.weight_scale"] = scale[None]
            tensors[f"{module}.input_scale"] = torch.full((weight.shape[1],), 2.0)
            if module.endswith(("linear_proj", "linear_fc2")):
                tensors[f"{module}.smooth_scale"] = torch.rand(1, weight.shape[1]) + 0.5


def test_the_middle_blocks_are_quantized_and_the_rest_is_kept_as_said(snapshot: Path):
    model = transformer(snapshot)
    attention = ("to_q", "to_k", "to_v", "to_text_q", "to_text_kv")
    expected = {f"blocks.1.attn.{name}" for name in attention}
    assert quantized(model) == {*expected, "blocks.1.ffn.up", "blocks.1.ffn.down"}
    whole = {
        name: p.dtype
        for name, p in model.named_parameters()
        if _owner(name) not in quantized(model)
    }
    wide = {name for name, dtype in whole.items() if dtype is torch.float32}
    assert set(whole.values()) == {torch.float32, torch.bfloat16}
    declared = set(checkpoint.MagiTransformer3DModel._keep_in_fp32_modules)
    assert wide == {name for name in whole if declared & set(name.split("."))}
    narrow = {"blocks.1.attn.to_out.weight", "blocks.1.gates.weight", "blocks.0.ffn.up.weight"}
    assert {*narrow, "blocks.2.attn.to_q.weight", "blocks.1.ffn.norm.weight"} <= set(whole) - wide
    assert {"time_embed.linear_1.weight", "caption_embed.text_proj.weight"} <= wide


def _owner(name: str) -> str:
    return name.rpartition(".")[0]


@pytest.mark.parametrize("scheme", [Quantization.FP8, NF4])
def test_fp8_files_are_dequantized_and_then_quantized(
    snapshot: Path, official: Path, scheme: Quantization
):
    rewrite(official, to_official_fp8)
    published = transformer(snapshot, Quantization.NONE)
    plain = transformer(official, Quantization.NONE)
    assert [p.dtype for p in plain.parameters()] == [p.dtype for p in published.parameters()]
    exact, _ = checkpoint.load(official, dtype=torch.float32)
    for (name, ours), theirs in zip(plain.named_parameters(), exact.parameters(), strict=True):
        assert torch.equal(ours, theirs.to(ours.dtype)), name
    done = quantize_(plain, scheme, keep_transformer(tiny.LAYERS)).quantized
    ours = transformer(official, scheme)
    assert quantized(ours) == set(done)
    assert_same(ours, plain)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_dequantizing_in_pieces_is_dequantizing_at_once(
    monkeypatch: pytest.MonkeyPatch, dtype: torch.dtype
):
    weight = torch.randn(1, 13, 8).to(torch.float8_e4m3fn)
    scales = (torch.tensor([0.25]), torch.full((8,), 3.0), torch.rand(1, 8) + 0.5)
    whole = checkpoint.dequantize(weight, *scales).to(dtype)
    monkeypatch.setattr(checkpoint, "_PIECE", 40)
    assert torch.equal(checkpoint.dequantize(weight, *scales, dtype=dtype), whole)


class Alive(TorchDispatchMode):
    """Counts the bytes of all tensors that were made inside and are alive; keeps the most."""

    def __init__(self) -> None:
        super().__init__()
        self.peak = 0
        self._storages: dict[int, tuple[StorageWeakRef, int]] = {}

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        answer = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(answer):
            if isinstance(tensor, torch.Tensor) and not tensor.is_meta:
                storage = tensor.untyped_storage()
                self._storages[storage._cdata] = (StorageWeakRef(storage), storage.nbytes())
        self._storages = {
            key: found for key, found in self._storages.items() if not found[0].expired()
        }
        self.peak = max(self.peak, sum(size for _, size in self._storages.values()))
        return answer


def test_the_peak_is_the_final_size_and_one_layers_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    geometry = tiny.Geometry(layers=12, dim=512, ffn_dim=2048, head_dim=64)
    monkeypatch.setattr(tiny, "SHARD_BYTES", 10**9)
    monkeypatch.setattr(safetensors_reader, "CHUNK_BYTES", MIB)
    tiny._save_transformer(tmp_path, tiny.RECIPES["4.5B_distill"], geometry)
    rewrite(tmp_path, to_official_fp8)
    alive = Alive()
    with alive:
        model = transformer(tmp_path)
    parameters = sum(
        t.numel() for t in checkpoint.load(tmp_path, dtype=torch.bfloat16)[0].parameters()
    )
    work = 11 * 512 * 2048  # while a layer is dequantized: FP8, float32 twice, bfloat16
    assert alive.peak < weight_bytes(model) + work + 2 * MIB
    assert alive.peak < 2 * parameters, "less than the model in bfloat16 alone"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.pop("rope.bands"), "tensors are missing in .*: rope.bands"),
        (lambda t: t.pop("final_linear.linear.weight"), "are missing in .*: proj_out.weight"),
        (lambda t: t.update(stranger=torch.zeros(2)), "model does not know: stranger"),
        (
            lambda t: (
                to_official_fp8(t),
                t.pop("videodit_blocks.layers.1.mlp.linear_fc1.input_scale"),
            ),
            "lacks videodit_blocks.layers.1.mlp.linear_fc1.input_scale",
        ),
        (
            lambda t: t.update({"final_linear.linear.weight": torch.zeros(3, 64)}),
            "proj_out.weight is 3x64, not 64x64",
        ),
    ],
)
def test_what_is_wrong_in_the_files_is_named(
    official: Path, change: Callable[[dict[str, torch.Tensor]], object], words: str
):
    rewrite(official, change)
    with pytest.raises(CheckpointError, match=words) as refused:
        load(official, on_cpu())
    assert "sand-ai/MAGI-1" in str(refused.value)
    hint = str(refused.value.body.hint)
    assert ("download_models.sh sand-ai/MAGI-1" in hint) == ("damaged" in str(refused.value))


def test_a_missing_autoencoder_is_told_before_anything_is_read(official: Path):
    (official.parents[1] / "vae" / "diffusion_pytorch_model.safetensors").unlink()
    read: list[int] = []
    with pytest.raises(CheckpointError, match="vae lacks"):
        load(official, on_cpu(on_bytes=lambda done, _: read.append(done)))
    assert not read


def test_the_encoder_is_the_one_of_the_published_files(official: Path):
    parts = official.parents[1]
    ours = text_encoder(parts)
    folder = parts / "t5" / "t5-v1_1-xxl"
    for path in folder.glob("*.safetensors*"):
        path.unlink()
    theirs = T5EncoderModel.from_pretrained(folder, dtype=torch.bfloat16, weights_only=True)
    assert_same(ours, theirs)


def test_the_encoder_keeps_its_self_attention_and_what_t5_declares(snapshot: Path):
    encoder = text_encoder(snapshot.parents[1], NF4)
    leaves = {name.rpartition(".")[2] for name in quantized(encoder)}
    assert leaves == {"wi_0", "wi_1"}


def test_pickles_alone_are_refused_with_the_way_out(official: Path):
    for path in (official.parents[1] / "t5" / "t5-v1_1-xxl").glob("*.safetensors*"):
        path.unlink()
    with pytest.raises(CheckpointError, match=r"\(\.bin\) only") as refused:
        load(official, on_cpu())
    assert "scripts/download_models.sh magi1" in str(refused.value.body.hint)


def test_it_is_nf4_by_default_from_the_cache_the_second_time(official: Path, tmp_path: Path):
    reports: list[LoadReport] = []
    told: list[tuple[int, int]] = []
    options = on_cpu(
        quantization=SPEC.quantization,
        cache_dir=tmp_path / "cache",
        on_report=reports.append,
        on_bytes=lambda done, total: told.append((done, total)),
    )
    first, second = (load(official, options) for _ in range(2))
    assert_same(second.transformer, first.transformer)
    assert_same(second.text_encoder.model, first.text_encoder.model)
    assert [report.from_cache for report in reports] == [False, True]
    assert {report.quantization for report in reports} == {NF4}
    modules = (first.transformer, first.text_encoder.model, first.vae)
    assert reports[0].weight_bytes == sum(map(weight_bytes, modules))
    assert told[-1][0] == told[-1][1] > 0
    names = {path.name.rpartition("-")[0] for path in (tmp_path / "cache").iterdir()}
    assert names == {"transformer", "text_encoder"}
    assert json.loads((official / "config.json").read_text())["engine_config"]["distill"]
