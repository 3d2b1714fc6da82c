"""The bytes that are predicted at real size, against those of a load: on the tiny checkpoints."""

from collections.abc import Callable
from pathlib import Path

import pytest
from torch import nn

from common.runtime.components import PendingComponent
from common.runtime.quantization import weight_bytes
from scripts.tiny import hunyuan, hunyuan_15, ltx2, magi1, wan21, waver
from tests.checkpoints.cases import cases, components_of, treatment_of
from tests.checkpoints.plan import loaded_bytes, planned_bytes

CASES = {case.name: case for case in cases()}
TINY: dict[str, Callable[[Path], list[Path]]] = {
    "ltx2:Lightricks/LTX-2": ltx2.build,
    "wan21:Wan-AI/Wan2.1-T2V-14B-Diffusers": wan21.build_2_1,
    "wan21:Wan-AI/Wan2.2-T2V-A14B-Diffusers": wan21.build_2_2,
    "wan21:Wan-AI/Wan2.1-VACE-14B-diffusers": wan21.build_vace,
    "magi1:sand-ai/MAGI-1#4.5B_distill": magi1.build,
    "waver:Wan-AI/Wan2.2-TI2V-5B-Diffusers": waver.build,
    "hunyuan:FastVideo/FastHunyuan-diffusers": hunyuan.build,
    f"hunyuan:{hunyuan_15.TEXT}": hunyuan_15.build,
}


@pytest.mark.parametrize("name", TINY)
def test_a_load_takes_what_was_predicted(tmp_path: Path, name: str):
    case, checkpoint = CASES[name], TINY[name](tmp_path)[0]
    fewer = 0
    for component in components_of(case, checkpoint):
        treatment = treatment_of(case, component.name, checkpoint)
        with PendingComponent(component, treatment, None) as pending:
            plain, planned = loaded_bytes(pending), planned_bytes(pending)
            held = weight_bytes(pending.load(lambda _count: None)) - computed_bytes(pending)
        assert held == planned, component.name
        fewer += planned < plain
    assert fewer, "nothing was quantized"


def computed_bytes(pending: PendingComponent) -> int:
    """Tables that are in no file."""
    return sum(map(own_tables, pending.blank.module.modules()))


def own_tables(module: nn.Module) -> int:
    names = module._non_persistent_buffers_set
    tables = (module._buffers[name] for name in names)
    return sum(table.nbytes for table in tables if table is not None)
