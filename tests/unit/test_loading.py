"""Loading tensor by tensor gives what the libraries' own ``from_pretrained`` gives, bit for bit."""

import gc
import json
import shutil
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import common.runtime.libraries  # noqa: F401

import diffusers
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from common.base.errors import CheckpointError, InvalidRequest, JobCancelled
from common.contract import LoadReport, Quantization
from common.runtime import keep_dit
from common.runtime.cache_writer import plain_tensors
from common.runtime.keep import rules_under
from common.runtime.keep_dit import keep_transformer
from common.runtime.loading import load_model, quantizable
from common.runtime.quantization import quantize_, tensors_of
from ltx2 import precision as ltx2_precision
from scripts.tiny import ltx2, wan21
from tests.formats import on_cpu
from wan21.pipeline import load

CPU = torch.device("cpu")
SCHEMES = [Quantization.FP8, Quantization.NF4, Quantization.NVFP4]
MODELS = {
    "wan t2v": ("transformer", "text_encoder", "vae"),
    "wan 1.3B": ("transformer",),
    "wan i2v": ("transformer", "image_encoder"),
    "ltx2": ("transformer", "text_encoder", "vae", "audio_vae", "connectors", "vocoder"),
    "ltx2.3": ("transformer", "vae", "connectors", "vocoder"),
}
KEEP_RULES = {
    "wan t2v": keep_dit.keep_rules,
    "wan 1.3B": keep_dit.keep_rules,
    "ltx2": ltx2_precision.keep_rules,
}
COMPONENTS = [(model, name) for model, names in MODELS.items() for name in names]


@pytest.fixture(scope="module")
def snapshots(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("models")
    return dict(zip(MODELS, [*wan21.build_2_1(root), *ltx2.build(root)[:2]], strict=True))


@pytest.fixture
def wan(snapshots: dict[str, Path], tmp_path: Path) -> Path:
    """A copy to damage."""
    folder = tmp_path / "models--org--tiny" / "snapshots" / "abc"
    shutil.copytree(snapshots["wan t2v"], folder)
    return folder


def class_of(checkpoint: Path, component: str) -> Any:
    library, name = json.loads((checkpoint / "model_index.json").read_text())[component]
    home = getattr(diffusers.pipelines, library, None) or import_module(library)
    return getattr(home, name)


def by_library(checkpoint: Path, component: str) -> nn.Module:
    cls = class_of(checkpoint, component)
    name = "torch_dtype" if hasattr(cls, "load_config") else "dtype"
    module: nn.Module = cls.from_pretrained(str(checkpoint / component), **{name: torch.bfloat16})
    return module


def by_us(checkpoint: Path, component: str, **fields: Any) -> nn.Module:
    cls, folder = class_of(checkpoint, component), checkpoint / component
    return load_model(cls, folder, device=CPU, dtype=torch.bfloat16, **fields)


def all_tensors(module: nn.Module) -> dict[str, torch.Tensor]:
    """Parameters, buffers of both kinds, and tensors that are plain attributes."""
    found = dict(module.named_parameters(remove_duplicate=False))
    found |= dict(module.named_buffers(remove_duplicate=False))
    for name, child in module.named_modules():
        plain = {k: v for k, v in vars(child).items() if isinstance(v, torch.Tensor)}
        found |= {f"{name}.{key}": value for key, value in plain.items()}
    return found


def assert_same(ours: dict[str, torch.Tensor], theirs: dict[str, torch.Tensor]) -> None:
    assert ours.keys() == theirs.keys()
    for name, tensor in theirs.items():
        assert ours[name].dtype is tensor.dtype, name
        assert ours[name].device == tensor.device, name
        assert torch.equal(ours[name].view(-1).view(torch.uint8), tensor.view(-1).view(torch.uint8))


def config_of(module: Any) -> dict[str, Any]:
    config = module.config
    return dict(config.to_dict() if hasattr(config, "to_dict") else config)


@pytest.mark.parametrize(("model", "component"), COMPONENTS)
def test_it_equals_from_pretrained(snapshots: dict[str, Path], model: str, component: str):
    theirs, ours = (read(snapshots[model], component) for read in (by_library, by_us))
    assert_same(all_tensors(ours), all_tensors(theirs))
    assert config_of(ours) == config_of(theirs)
    assert not any(module.training for module in ours.modules())
    assert not any(parameter.requires_grad for parameter in ours.parameters())
    if getattr(theirs, "generation_config", None) is not None:
        assert ours.generation_config == theirs.generation_config  # type: ignore[union-attr]


@pytest.mark.parametrize("model", ["wan t2v", "ltx2"])
def test_tied_weights_are_one_tensor(snapshots: dict[str, Path], model: str):
    encoder: Any = by_us(snapshots[model], "text_encoder", scheme=Quantization.FP8)
    assert encoder.all_tied_weights_keys
    for target, source in encoder.all_tied_weights_keys.items():
        assert encoder.get_parameter(target) is encoder.get_parameter(source)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize(
    ("model", "component"), [COMPONENTS[3], COMPONENTS[1], ("ltx2", "text_encoder")]
)
def test_quantized_on_the_way_is_quantized_afterwards(
    snapshots: dict[str, Path], model: str, component: str, scheme: Quantization
):
    rules = rules_under(KEEP_RULES[model](snapshots[model])[component], scheme)
    ours = by_us(snapshots[model], component, scheme=scheme, keep=rules)
    theirs = by_library(snapshots[model], component)
    linears = quantizable(theirs, scheme, rules)
    assert set(quantize_(theirs, scheme, rules).quantized) == linears.keys()
    assert linears, "nothing quantized would prove nothing"
    flat = [{k: v for k, (_, v) in plain_tensors(m, linears)} for m in (ours, theirs)]
    assert_same(*flat)


@pytest.mark.parametrize("scheme", [Quantization.NONE, Quantization.FP8])
def test_shards_are_one_model(snapshots: dict[str, Path], wan: Path, scheme: Quantization):
    whole = by_us(snapshots["wan t2v"], "transformer", scheme=scheme, keep=keep_transformer(2))
    shard(wan)
    ours = by_us(wan, "transformer", scheme=scheme, keep=keep_transformer(2))
    linears = quantizable(by_library(wan, "transformer"), scheme, keep_transformer(2))
    assert_same(*({k: v for k, (_, v) in plain_tensors(m, linears)} for m in (ours, whole)))


def shard(checkpoint: Path) -> list[Path]:
    """Save the transformer anew, in files small enough to part a weight from its bias."""
    folder = checkpoint / "transformer"
    model = diffusers.WanTransformer3DModel.from_pretrained(folder)
    (folder / "diffusion_pytorch_model.safetensors").unlink()
    model.save_pretrained(folder, max_shard_size="10KB")
    shards = sorted(folder.glob("*.safetensors"))
    assert len(shards) > 3
    return shards


def rewrite(path: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> None:
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path, metadata={"format": "pt"})


def weights(checkpoint: Path) -> Path:
    return checkpoint / "transformer" / "diffusion_pytorch_model.safetensors"


def failure(checkpoint: Path, *, fetch: bool = True, **fields: Any) -> CheckpointError:
    """What refuses the transformer; ``fetch``: whether it helps to fetch files again."""
    with pytest.raises(CheckpointError) as caught:
        by_us(checkpoint, "transformer", **fields)
    assert str(checkpoint) not in str(caught.value)
    assert caught.value.body.hint is not None
    assert ("scripts/download_models.sh org/tiny" in caught.value.body.hint) == fetch
    return caught.value


def test_missing_tensors_are_listed_and_counted(wan: Path):
    def change(tensors: dict[str, torch.Tensor]) -> None:
        for name in sorted(name for name in tensors if ".attn1." in name)[:7]:
            del tensors[name]

    rewrite(weights(wan), change)
    message = str(failure(wan, fetch=False))
    assert "tensors are missing in transformer: blocks.0.attn1." in message
    assert message.count("blocks.") == 5
    assert "and 2 more" in message


def test_unexpected_tensors_are_listed_but_for_what_the_class_knows_as_obsolete(wan: Path):
    rewrite(weights(wan), lambda t: t.update({"blocks.0.norm_added_q.weight": torch.zeros(2)}))
    by_us(wan, "transformer")
    rewrite(weights(wan), lambda t: t.update({"lora.up": torch.zeros(2)}))
    assert "tensors that its model does not know: lora.up" in str(failure(wan, fetch=False))


def test_a_wrong_shape_is_named(wan: Path):
    def change(tensors: dict[str, torch.Tensor]) -> None:
        tensors["proj_out.bias"] = torch.zeros(3)

    rewrite(weights(wan), change)
    assert "proj_out.bias is 3, not 64" in str(failure(wan, fetch=False))


def test_another_models_folder_is_told_by_its_class(snapshots: dict[str, Path], wan: Path):
    shutil.rmtree(wan / "transformer")
    shutil.copytree(snapshots["ltx2"] / "transformer", wan / "transformer")
    assert "looks like a LTX2VideoTransformer3DModel" in str(failure(wan, fetch=False))
    with pytest.raises(CheckpointError, match="LTX2VideoTransformer3DModel"):
        load(wan, on_cpu())


def test_another_models_weights_are_told_by_their_tensors(snapshots: dict[str, Path], wan: Path):
    shutil.copy(weights(snapshots["ltx2"]), weights(wan))
    message = str(failure(wan, fetch=False))
    assert "looks like another model, not a WanTransformer3DModel" in message
    assert "and has" in message


def test_a_smaller_sibling_is_told_by_its_shapes(snapshots: dict[str, Path], wan: Path):
    shutil.copy(weights(snapshots["wan 1.3B"]), weights(wan))
    assert "not of the size that its config.json says" in str(failure(wan, fetch=False))


@pytest.mark.parametrize("suffix", [".bin", ".pt", ".ckpt", ".pth"])
def test_pickles_are_refused_by_name(wan: Path, suffix: str):
    weights(wan).rename(weights(wan).with_suffix(suffix))
    assert f"{weights(wan).stem}{suffix} is a pickle" in str(failure(wan, fetch=False))
    assert "safetensors only" in str(failure(wan, fetch=False))


def test_a_missing_and_a_short_shard_are_named(wan: Path):
    last = shard(wan)[-1]
    last.write_bytes(last.read_bytes()[:-1])
    assert f"transformer/{last.name} is cut short" in str(failure(wan))
    last.unlink()
    assert f"transformer/{last.name} is missing" in str(failure(wan))


@pytest.mark.parametrize("text", ["", "[]", '{"weight_map": {}}', '{"weight_map": {"a": "../b"}}'])
def test_a_damaged_index_is_named(wan: Path, text: str):
    shard(wan)
    (wan / "transformer" / "diffusion_pytorch_model.safetensors.index.json").write_text(text)
    assert "safetensors.index.json cannot be read" in str(failure(wan))


def test_a_checkpoint_cannot_name_any_class(wan: Path):
    index = json.loads((wan / "model_index.json").read_text())
    (wan / "model_index.json").write_text(json.dumps(index | {"vae": ["subprocess", "Popen"]}))
    with pytest.raises(CheckpointError, match=r"wants subprocess\.Popen for vae"):
        load(wan, on_cpu())


@pytest.mark.parametrize("name", ["int3", Quantization.FP8_COMPUTE])
def test_a_scheme_that_does_not_exist_or_run_is_refused(wan: Path, name: Any):
    with pytest.raises(InvalidRequest) as caught:
        load(wan, on_cpu(quantization=name))
    assert "nf4" in str(caught.value.body.hint)


def test_bytes_are_told_up_to_the_total(wan: Path):
    told: list[tuple[int, int]] = []
    reports: list[LoadReport] = []
    options = on_cpu(
        quantization=Quantization.FP8,
        on_bytes=lambda done, total: told.append((done, total)),
        on_report=reports.append,
    )
    load(wan, options)
    size = sum(path.stat().st_size for path in wan.glob("*/*.safetensors"))
    assert 0.9 * size < told[-1][0] <= size
    assert told[-1][0] == told[-1][1]
    assert told == sorted(told)
    (report,) = reports
    assert report.quantization is Quantization.FP8
    assert report.weight_bytes > 0
    assert not report.from_cache


def open_files() -> set[str]:
    """What this process has open; a link may be gone again by the time it is read."""
    gc.collect()
    links = Path("/proc/self/fd").iterdir()
    return {str(link.readlink()) for link in links if link.is_symlink() and link.exists()}


def test_a_cancelled_load_leaves_no_file_open(wan: Path):
    def cancel(_done: int, _total: int) -> None:
        raise JobCancelled

    with pytest.raises(JobCancelled):
        load(wan, on_cpu(on_bytes=cancel))
    assert not [path for path in open_files() if str(wan) in path]


class Doubling:
    """An adapter of one tensor."""

    used = False

    def fuse(self, name: str, weight: torch.Tensor) -> torch.Tensor:
        if name != "blocks.0.attn1.to_q.weight":
            return weight
        self.used = True
        return weight * 2

    def check_used(self) -> None:
        assert self.used


def test_an_adapter_changes_weights_before_they_are_quantized(snapshots: dict[str, Path]):
    fields: dict[str, Any] = {"scheme": Quantization.FP8, "keep": keep_transformer(2)}
    plain = by_us(snapshots["wan t2v"], "transformer", **fields)
    changed = by_us(snapshots["wan t2v"], "transformer", adapter=Doubling(), **fields)
    scales = [tensors_of(m.get_submodule("blocks.0.attn1.to_q"))["scale"] for m in (plain, changed)]
    assert torch.equal(scales[0] * 2, scales[1])
