"""Nothing is moved off the GPU: on unified memory that costs a copy and frees nothing.

The one exception is group offload, by setting, in one function that refuses unified memory.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.services import MODELS

ROOT = Path(__file__).parents[2]
PACKAGES = ("common", *MODELS)
SOURCES = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]

OFFLOADERS = {
    "enable_model_cpu_offload",
    "enable_sequential_cpu_offload",
    "enable_group_offload",
    "apply_group_offloading",
    "cpu_offload",
    "cpu_offload_with_hook",
    "disk_offload",
    "dispatch_model",
    "load_checkpoint_and_dispatch",
}
"""Of diffusers and accelerate."""

PLACEMENTS = {"auto", "balanced", "balanced_low_0", "sequential", "cpu", "disk"}
"""Values of ``device_map`` that may put a part elsewhere than on the device that was asked for."""

MODULES = {
    *("model", "module", "pipeline", "pipe", "transformer", "text_encoder", "image_encoder"),
    *("vae", "audio_vae", "vocoder", "connectors", "encoder", "decoder", "unet"),
}
"""What modules are called here. Tensors may be copied to the CPU: frames have to get there."""

ALLOWED = {("common/runtime/acceleration.py", "_offload_groups", "enable_group_offload")}


def offloads(source: str) -> Iterator[tuple[str, str]]:
    """Function and offence, for every offence in a text of Python."""
    tree = ast.parse(source)
    functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    inside = {id(node): f.name for f in functions for node in ast.walk(f)}
    for node in ast.walk(tree):
        offence = _offence(node) if isinstance(node, ast.Call) else None
        if offence:
            yield inside.get(id(node), ""), offence


def _offence(call: ast.Call) -> str | None:
    name = _last_name(call.func)
    if name in OFFLOADERS:
        return name
    if any(_is_placement(keyword) for keyword in call.keywords):
        return "device_map"
    if isinstance(call.func, ast.Attribute) and _last_name(call.func.value) in MODULES:
        to_cpu = name == "to" and any(map(_is_cpu, [*call.args, *_values(call)]))
        return f"{_last_name(call.func.value)} to the CPU" if name == "cpu" or to_cpu else None
    return None


def _values(call: ast.Call) -> list[ast.expr]:
    return [keyword.value for keyword in call.keywords]


def _is_placement(keyword: ast.keyword) -> bool:
    return keyword.arg == "device_map" and (
        isinstance(keyword.value, ast.Dict)
        or (isinstance(keyword.value, ast.Constant) and keyword.value.value in PLACEMENTS)
    )


def _is_cpu(argument: ast.expr) -> bool:
    if isinstance(argument, ast.Call) and _last_name(argument.func) == "device":
        return any(map(_is_cpu, argument.args))
    return isinstance(argument, ast.Constant) and argument.value == "cpu"


def _last_name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def test_nothing_is_offloaded_but_by_setting():
    found = {
        (str(path.relative_to(ROOT)), *offence)
        for path in SOURCES
        for offence in offloads(path.read_text())
    }
    assert found == ALLOWED


@pytest.mark.parametrize(
    "line",
    [
        "pipe.enable_model_cpu_offload()",
        "pipeline.enable_sequential_cpu_offload(gpu_id=0)",
        "from accelerate import cpu_offload; cpu_offload(model)",
        "Model.from_pretrained(path, device_map='auto')",
        "Model.from_pretrained(path, device_map={'': 'cpu'})",
        "pipeline.text_encoder.to('cpu')",
        "self.vae.to(device=torch.device('cpu'))",
        "transformer.cpu()",
    ],
)
def test_the_reader_sees(line: str):
    assert len(list(offloads(line))) == 1


@pytest.mark.parametrize(
    "line",
    [
        "pixels.cpu().numpy()",
        "transformer.to(device)",
        "torch.Generator('cpu').manual_seed(1)",
        "Model.from_pretrained(path, device_map=device)",
    ],
)
def test_the_reader_lets_pass(line: str):
    assert list(offloads(line)) == []
