"""What comes into a process with a model, and what only comes when it is asked for."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from common.runtime.compiler_later import CompilerLater
from scripts.services import MODELS
from scripts.tiny import ltx2, wan21
from tests.seldom import seldom

ROOT = Path(__file__).parents[2]
HEAVY = (
    "bitsandbytes",
    "peft",
    "scipy",
    "sklearn",
    "torch._dynamo",
    "torch._inductor",
    "torch.distributed.tensor",
    "torchao",
    "torchvision",
)
"""Together twice what torch and what is needed of the libraries take."""


def run(code: str) -> str:
    """What a fresh process prints, warnings included."""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize("model", seldom(MODELS, 2))
def test_importing_a_model_imports_little_and_says_nothing(model: str):
    code = f"import sys, {model}.pipeline; print([n for n in {HEAVY} if n in sys.modules])"
    assert run(code) == "[]\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("builder", "scheme", "heavy"), [(ltx2, "none", HEAVY), (wan21, "fp8", (*HEAVY, "sympy"))]
)
def test_nor_does_loading_one_by_a_scheme_that_needs_none_of_it(
    builder: Any, scheme: str, heavy: tuple[str, ...], tmp_path: Path
):
    """Up to the first byte of weights. LTX-2's text encoder is built with sums on meta."""
    checkpoint = str(builder.build(tmp_path)[0])
    model = builder.__name__.rpartition(".")[2]
    code = f"""if True:
        import sys
        from pathlib import Path
        from common.contract import LoadOptions, Quantization
        from {model}.pipeline import load

        class Came(Exception): pass
        def on_bytes(done, total): raise Came
        scheme = Quantization({scheme!r})
        options = LoadOptions(device="cpu", quantization=scheme, on_bytes=on_bytes)
        try:
            load(Path({checkpoint!r}), options)
        except Came:
            print([name for name in {heavy} if name in sys.modules])
    """
    assert run(code).splitlines()[-1] == "[]"


@pytest.mark.slow
def test_what_was_hidden_is_there_for_a_scheme():
    code = """if True:
        import functools, gc, importlib.metadata, torch
        before = functools.lru_cache, importlib.metadata.packages_distributions, gc.isenabled()
        available = torch.distributed.is_available()
        import common.runtime.libraries
        from common.contract import Quantization
        from common.runtime.quantization import quantize_linear, scheme_of
        for scheme in (Quantization.NF4, Quantization.NVFP4):
            quantized = quantize_linear(torch.nn.Linear(64, 64).bfloat16(), scheme)
            assert quantized(torch.ones(1, 64, dtype=torch.bfloat16)).isfinite().all()
            assert scheme_of(quantized) is scheme
        after = functools.lru_cache, importlib.metadata.packages_distributions, gc.isenabled()
        print(before == after, available == torch.distributed.is_available())
    """
    assert run(code) == "True True\n"


def test_what_takes_time_is_done_once_or_not_at_all():
    """The source of transformers is read once, wheels' lists of files and garbage never."""
    code = """if True:
        import gc
        import wan21.pipeline
        from transformers.utils import import_utils as theirs
        from diffusers.utils.import_utils import _package_map
        reading = theirs.create_import_structure_from_path.cache_info()
        print(reading.misses == reading.currsize, "data" in vars(_package_map))
        print(gc.get_freeze_count() > 100_000)
    """
    assert run(code).split() == ["True", "False", "True"]


@pytest.mark.slow
def test_compiling_blocks_gets_the_compiler_ready():
    code = """if True:
        import torch
        from common.contract import LoadOptions
        from common.runtime.acceleration import accelerate
        from common.runtime.libraries import compiler
        from diffusers import WanTransformer3DModel
        model = WanTransformer3DModel(num_attention_heads=1, num_layers=1, ffn_dim=8, text_dim=8)
        before = compiler.waiting
        accelerate(model, LoadOptions(compile_blocks=True), torch.device("cpu"))
        print(before > 0, compiler.waiting)
    """
    assert run(code).split()[-2:] == ["True", "0"]


@pytest.mark.slow
def test_libraries_that_came_first_are_left_alone():
    """As in a test that imports them, or a scheme used before a model was."""
    code = """if True:
        import sys, torch._dynamo
        from common.runtime.quiet import quiet_import
        torchao, bitsandbytes = quiet_import("torchao"), quiet_import("bitsandbytes")
        there = sys.modules["torchao"], sys.modules["bitsandbytes"], sys.modules["torch._dynamo"]
        import common.runtime.libraries
        print(there == (torchao, bitsandbytes, torch._dynamo))
    """
    assert run(code) == "True\n"


def test_what_is_left_to_python_stays_so_when_something_is_compiled():
    later = CompilerLater()

    @later.disable
    def plain() -> bool:
        return torch.compiler.is_compiling()

    @later.disable(recursive=True)
    def also_plain() -> bool:
        return torch.compiler.is_compiling()

    def calls(ones: torch.Tensor) -> tuple[torch.Tensor, bool, bool]:
        return ones + 1, plain(), also_plain()

    assert not plain()
    later.make_ready()
    _, *compiling = torch.compile(calls, backend="eager")(torch.ones(2))
    assert compiling == [False, False]


def test_marks_are_made_when_something_is_compiled():
    later = CompilerLater()

    def constant() -> int:
        return 1

    assert later.assume_constant_result(constant) is constant
    assert not hasattr(constant, "_dynamo_marked_constant")
    later.make_ready()
    assert hasattr(constant, "_dynamo_marked_constant")


def test_the_compiler_is_asked_whatever_the_stand_in_does_not_know():
    assert CompilerLater().config is torch._dynamo.config
