"""``auto``: the most accurate scheme that the pool has room for, the same at every load."""

from dataclasses import replace
from pathlib import Path

import pytest

from common.base.settings import Settings
from common.contract import Memory, Quantization
from common.contract.compute_dtype import ComputeDtype
from common.contract.variants import Checkpoint
from common.kinds.video import Capability, Preset
from common.kinds.video.resolved import ResolvedRequest
from common.kinds.video.sizing import shape, usual_request
from common.memory.choice import choose
from common.memory.demand import BESIDE_TENSORS, LOADING_SHARE, WORKER_BYTES, Appraiser
from common.memory.experience import Experience
from common.worker.load_options import load_options
from tests.toy.model_config import MIB, SPEC, VARIANT

NEEDED = {Quantization.NONE: 400, Quantization.FP8: 230, Quantization.NF4: 130}
CHECKPOINT = Checkpoint("videosdgx/toy", "toy-revision", Path("toy"))


@pytest.mark.parametrize(
    ("capacity", "scheme"),
    [
        (10_000, Quantization.NONE),
        (400, Quantization.NONE),
        (399, Quantization.FP8),
        (230, Quantization.FP8),
        (229, Quantization.NF4),
        (10, Quantization.NF4),
    ],
)
def test_auto_takes_the_most_accurate_that_fits(capacity: int, scheme: Quantization):
    choice = choose(Quantization.AUTO, Quantization.NF4, lambda s: NEEDED[s] * MIB, capacity * MIB)
    assert choice.scheme is scheme


def test_auto_says_what_each_would_take_and_what_there_is():
    def choice(capacity: int) -> str:
        asked, default = Quantization.AUTO, Quantization.NF4
        return choose(asked, default, lambda s: NEEDED[s] * MIB, capacity * MIB).reason

    assert choice(300) == "auto: none takes 0.4 GB, fp8 takes 0.2 GB, and the pool has 0.3 GB"
    assert choice(90).startswith("auto: the smallest; none takes 0.4 GB, ")


@pytest.mark.parametrize("asked", [Quantization.NF4, Quantization.FP8_COMPUTE])
def test_what_is_asked_for_by_name_is_taken_whatever_fits(asked: Quantization):
    choice = choose(asked, Quantization.NF4, lambda _: 1000, 10)
    assert choice.scheme is asked
    default = "the model's default"
    assert choice.reason == (
        default if asked is Quantization.NF4 else f"set by QUANTIZATION; {default} is nf4"
    )


def saved(
    _checkpoint: Path, scheme: Quantization, _dtype: ComputeDtype = ComputeDtype.BFLOAT16
) -> int:
    return {Quantization.NONE: 0, Quantization.FP8: 400 * MIB, Quantization.NF4: 700 * MIB}[scheme]


def memory(_checkpoint: Path, request: ResolvedRequest, _dtype: ComputeDtype) -> Memory:
    return Memory(1000 * MIB, request.width * MIB)


def appraiser(
    folder: Path, capacity: int, asked: Quantization = Quantization.AUTO, **changes: object
) -> Appraiser:
    spec = replace(SPEC, memory=memory, saved_bytes=saved)
    experience = Experience(folder / "memory.json")
    return Appraiser(spec, replace(VARIANT, **changes), experience, asked, capacity)


def needed(load: int, run: int) -> int:
    """Bytes from MiB, as a ticket asks for them."""
    return WORKER_BYTES + max(int(load * MIB * LOADING_SHARE), (load + run) * MIB + BESIDE_TENSORS)


def test_the_largest_preset_has_to_fit(tmp_path: Path):
    large = (Preset(name="standard"), Preset(name="high", size=(500, 16)))
    enough = needed(600, 500)
    assert appraiser(tmp_path, enough, presets=large).choice(CHECKPOINT).scheme is Quantization.FP8
    less = appraiser(tmp_path, enough - 1, presets=large)
    assert less.choice(CHECKPOINT).scheme is Quantization.NF4
    small = appraiser(tmp_path, enough - 1, presets=())
    assert small.choice(CHECKPOINT).scheme is Quantization.FP8


def test_a_job_from_a_picture_is_the_usual_one_where_pictures_are_taken():
    assert usual_request(VARIANT).image is not None
    text_only = replace(VARIANT, capabilities=frozenset({Capability.TEXT_TO_VIDEO}))
    assert usual_request(text_only).image is None


@pytest.mark.parametrize("capacity", [5000, 2500, 500])
def test_the_ticket_and_the_loader_have_the_same_scheme(tmp_path: Path, capacity: int):
    ours = appraiser(tmp_path, capacity * MIB)
    choice = ours.choice(CHECKPOINT)
    options = load_options(
        Settings(models_dir=tmp_path),
        CHECKPOINT,
        choice,
        on_bytes=lambda *_: None,
        on_report=lambda _: None,
    )
    demand = ours.demand(CHECKPOINT, usual_request(VARIANT))
    assert options.quantization is choice.scheme is not Quantization.AUTO
    assert options.reason == choice.reason
    assert demand.load_bytes == 1000 * MIB - saved(CHECKPOINT.path, choice.scheme)


def test_what_was_measured_changes_no_choice(tmp_path: Path):
    """Else a model would be loaded in one scheme today and in another tomorrow."""
    capacity = needed(600, 64)
    ours = appraiser(tmp_path, capacity)
    before = ours.choice(CHECKPOINT)
    ours.experience.loaded(ours.weights(CHECKPOINT), 9000 * MIB)
    ours.experience.ran(ours.weights(CHECKPOINT), shape(usual_request(VARIANT)), 1, 9000 * MIB, 1.0)
    assert ours.choice(CHECKPOINT) == before
    assert appraiser(tmp_path, capacity).choice(CHECKPOINT) == before


def test_what_other_rules_left_measured_is_not_believed(tmp_path: Path):
    ours = appraiser(tmp_path, 10_000 * MIB, Quantization.FP8)
    ours.experience.loaded(ours.weights(CHECKPOINT), 333 * MIB)
    assert ours.demand(CHECKPOINT, usual_request(VARIANT)).load_bytes == 333 * MIB
    keeps_more = replace(ours.spec, saved_bytes=lambda *_: 100 * MIB)
    now = replace(ours, spec=keeps_more, _known={}, _loads={})
    assert now.demand(CHECKPOINT, usual_request(VARIANT)).load_bytes == 900 * MIB
