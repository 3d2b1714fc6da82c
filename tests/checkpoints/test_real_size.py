"""Every served checkpoint at its real size: what is stored finds its place, and is counted right.

The files are holes behind real headers, so nothing here may read a value.
"""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import torch
from torch import nn

from common.contract.hub import locate
from common.runtime.components import PendingComponent
from common.runtime.keep import TRANSFORMERS
from common.runtime.live_weights import parameter_count
from magi1.vae_checkpoint import load_official_vae
from tests.checkpoints.cases import Case, cases, components_of, treatment_of
from tests.checkpoints.keys import Tensor
from tests.checkpoints.listing import listing
from tests.checkpoints.plan import loaded_bytes, places, planned_bytes
from tests.checkpoints.replica import MAGI_VAE, make_replica, stored_tensors
from tests.checkpoints.test_page import rows

CASES = {case.name: case for case in cases()}
CPU = torch.device("cpu")
GB = 10**9


@pytest.fixture(scope="module")
def models_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def made() -> dict[tuple[str, str], Path]:
    """Replicas by repository and revision."""
    return {}


@pytest.fixture(params=CASES)
def case(
    request: pytest.FixtureRequest, models_dir: Path, made: dict[tuple[str, str], Path]
) -> Case:
    case = CASES[request.param]
    key = (case.variant.checkpoint, case.variant.revision)
    if key not in made:
        made[key] = make_replica(models_dir, case.variant)
    return case


@pytest.fixture
def checkpoint(case: Case, models_dir: Path) -> Path:
    return locate(models_dir, case.variant).path


@pytest.fixture
def pending(case: Case, checkpoint: Path) -> Iterator[list[PendingComponent]]:
    """Open, and matched: a tensor that is missing, unknown or of another shape raises already."""
    components = components_of(case, checkpoint)
    found = [
        PendingComponent(each, treatment_of(case, each.name, checkpoint), None)
        for each in components
    ]
    yield found
    for each in found:
        each.__exit__()


@cache
def live(case: Case) -> dict[str, list[Tensor]]:
    """What the listing has of each component that is loaded, by the component's name."""
    known, variant = listing(case.variant.checkpoint), case.variant
    names = {name: name for name in known.weights if name in known.configs.get(INDEX, {})}
    if variant.subfolder:
        names = {"transformer": variant.subfolder, "text_encoder": "ckpt/t5/t5-v1_1-xxl"}
    return {name: stored_tensors(known, of) for name, of in names.items()}


INDEX = "model_index.json"


def test_it_matches_loads_quantizes_and_is_counted(
    case: Case, checkpoint: Path, pending: list[PendingComponent]
):
    """One test a checkpoint: building the models is what takes the time."""
    assert {each.name for each in pending} == set(live(case))
    for each in pending:
        check_files(case, each)
        check_dtypes(each, treatment_of(case, each.name, checkpoint).dtype)
        check_plan(each)
    held = {each.name: loaded_bytes(each) for each in pending}
    check_estimate(case, checkpoint, sum(held.values()))
    small = sum(planned_bytes(each) for each in pending)
    tell(case, pending, sum(held.values()), small)


def check_files(case: Case, pending: PendingComponent) -> None:
    """What the listing has is what is read, and all of it has a place."""
    assert pending.source is not None
    stored = live(case)[pending.name]
    entries = pending.source.files.entries
    assert {(entry.name, entry.dtype, entry.shape) for entry in entries} == {
        (tensor.name, tensor.dtype, tensor.shape) for tensor in stored
    }
    assert pending.size == sum(tensor.size for tensor in stored)
    total = listing(case.variant.checkpoint).weights.get(pending.name, {}).get("total_bytes")
    assert total in (None, pending.size)
    matched = pending.source.matched
    assert not matched.needs_library  # twice the memory
    assert len(matched.names) == len(pending.source.weights)
    assert len(set(matched.names.values())) == len(matched.names)


def check_dtypes(pending: PendingComponent, plain: torch.dtype) -> None:
    """As asked, but for what the class declares; float32 files as well as bfloat16 ones.

    What transformers only means for float16 is not declared strictly.
    """
    module = pending.blank.module
    attribute = "_keep_in_fp32_modules" + ("" if hasattr(module, "load_config") else "_strict")
    declared = set(getattr(module, attribute, None) or ())
    for weight, name, dtype in places(pending):
        kept = declared & set(name.split("."))
        assert dtype is (torch.float32 if kept else plain), (weight, name)


def check_plan(pending: PendingComponent) -> None:
    """What is quantized: plain linear layers of the large parts, each with its weight."""
    assert bool(pending.linears) == (pending.name in (*TRANSFORMERS, "text_encoder"))
    stored = {name for _, name, _ in places(pending)}
    for name in pending.linears:
        assert type(pending.blank.module.get_submodule(name)) is nn.Linear
        assert f"{name}.weight" in stored


PLANNED_GB = {
    "ltx2": (20, 30),
    "wan21": (20, 32),
    "magi1": (7, 25),
    "waver": (12, 18),
    "hunyuan": (20, 32),
}
"""Of the default checkpoints: weights alone, at most the plan's figures, which are with a job's."""


def tell(case: Case, pending: list[PendingComponent], held: int, small: int) -> None:
    files, linears = sum(each.size for each in pending), sum(len(each.linears) for each in pending)
    print(
        f"{case.name}: {files / GB:.1f} GB of tensors, {held / GB:.1f} GB in bfloat16, "
        f"{small / GB:.1f} GB as {case.spec.quantization} ({linears} layers)"
    )
    assert small < 0.8 * held
    if not case.variant.subfolder:  # of MAGI-1 the autoencoder comes apart from these
        assert dict(rows())[case.name][2] == f"{small / GB:.1f} GB", "docs/checkpoints.md"
    if case.variant is case.spec.variants[0]:
        low, high = PLANNED_GB[case.spec.id]
        assert low < small / GB < high


def check_estimate(case: Case, checkpoint: Path, held: int) -> None:
    """Counted exactly; and the bytes of a load within what stays float32 in it."""
    count = sum(tensor.elements for tensors in live(case).values() for tensor in tensors)
    if case.variant.subfolder:
        count = magi_count(case, checkpoint)
        held += 2 * vae_count()
    else:
        assert parameter_count(checkpoint) == count
    estimated = case.spec.memory(checkpoint, case.request()).load_bytes
    assert 2 * count <= estimated < 1.1 * 2 * count
    assert held == pytest.approx(estimated, rel=0.03)


def vae_count() -> int:
    return sum(each.elements for each in stored_tensors(listing("sand-ai/MAGI-1"), "ckpt/vae"))


def magi_count(case: Case, checkpoint: Path) -> int:
    """Of FP8 files the scales are no numbers of the model."""
    from magi1.estimates import text_encoder_parameters, transformer_parameters

    stored = live(case)
    weights = [each for each in stored["transformer"] if not each.name.endswith("_scale")]
    transformer = sum(each.elements for each in weights)
    encoder = sum(each.elements for each in stored["text_encoder"])
    assert transformer_parameters(checkpoint) == transformer
    assert text_encoder_parameters(checkpoint.parents[1] / "t5" / "t5-v1_1-xxl") == encoder
    return transformer + encoder + vae_count()


def test_magi_1s_autoencoder_is_the_one_of_its_file():
    """Every published tensor has its place; it is loaded apart from the other parts."""
    stored = stored_tensors(listing("sand-ai/MAGI-1"), "ckpt/vae")
    weights = {each.name: torch.empty(each.shape, device="meta") for each in stored}
    vae = load_official_vae(MAGI_VAE["ddconfig"], weights)
    assert sum(tensor.numel() for tensor in vae.state_dict().values()) == vae_count()


def test_it_costs_no_disk(models_dir: Path, made: dict[tuple[str, str], Path]):
    paths = [path for path in models_dir.rglob("*") if path.is_file()]
    apparent = sum(path.stat().st_size for path in paths)
    on_disk = sum(path.stat().st_blocks * 512 for path in paths)
    print(f"{len(made)} repositories: {apparent / GB:.0f} GB, {on_disk / 10**6:.1f} MB on disk")
    assert on_disk < 40 * 10**6
