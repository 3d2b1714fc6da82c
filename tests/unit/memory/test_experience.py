"""What past jobs teach: estimates replaced by what was measured, or moved by it, within bounds."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from common.base.errors import NotEnoughMemory
from common.base.settings import Settings
from common.contract import Memory, Quantization
from common.contract.compute_dtype import ComputeDtype
from common.contract.variants import Checkpoint
from common.kinds.video.resolved import ResolvedRequest
from common.kinds.video.sizing import shape
from common.memory.demand import BESIDE_TENSORS, Appraiser, runs_on_gpu
from common.memory.experience import HEADROOM, WAYS_KEPT, Experience
from common.memory.fitting import Fitting
from common.memory.probe import MemoryKind
from tests.toy.model_config import MIB, SPEC, VARIANT, make_checkpoint

ESTIMATE = Memory(load_bytes=1000 * MIB, run_bytes=100 * MIB)
REQUEST = ResolvedRequest(
    prompt="a bar",
    negative_prompt="",
    width=640,
    height=480,
    num_frames=81,
    fps=8,
    seed=1,
    num_inference_steps=3,
    guidance_scale=1,
)


@pytest.fixture
def experience(tmp_path: Path) -> Experience:
    return Experience(tmp_path / "memory.json")


def test_nothing_is_known_at_first(experience: Experience):
    known = experience.corrected("w", shape(REQUEST), ESTIMATE)
    assert (known.memory, known.measured) == (ESTIMATE, False)
    assert experience.seconds(5.0) is None


def test_the_same_shape_is_what_was_measured(experience: Experience, tmp_path: Path):
    experience.loaded("w", 900 * MIB)
    experience.ran("w", shape(REQUEST), ESTIMATE.run_bytes, 250 * MIB, pace=2.0)
    again = Experience(tmp_path / "memory.json")  # another process, a restart
    other_words = REQUEST.model_copy(update={"prompt": "another", "seed": 9})
    known = again.corrected("w", shape(other_words), ESTIMATE)
    assert known.memory == Memory(900 * MIB, int(250 * MIB * HEADROOM))
    assert known.measured
    assert again.seconds(5.0) == 10.0


def test_another_way_has_a_pace_of_its_own(experience: Experience):
    experience.ran("w", "cached", 1, 1, pace=1.0, way="mag 0.06")
    assert experience.seconds(5.0) is None
    experience.ran("w", "whole", 1, 1, pace=2.0)
    assert experience.seconds(5.0) == 10.0
    assert experience.seconds(5.0, "mag 0.06") == 5.0
    assert experience.seconds(5.0, "mag 0.12") == 10.0, "the most that it takes"
    for number in range(WAYS_KEPT):
        experience.ran("w", "cached", 1, 1, pace=0.5, way=f"mag 0.5{number}")
    assert experience.seconds(5.0, "mag 0.6") == 10.0
    assert experience.seconds(5.0, "mag 0.06") == 10.0, "it made room"
    assert experience.seconds(5.0, "mag 0.51") == 2.5


@pytest.mark.parametrize(("measured", "factor"), [(150, 1.5), (900, 2.0), (10, 0.5)])
def test_other_shapes_are_moved_within_bounds(experience: Experience, measured: int, factor: float):
    experience.ran("w", shape(REQUEST), ESTIMATE.run_bytes, measured * MIB, pace=1)
    larger = REQUEST.model_copy(update={"width": 1280})
    known = experience.corrected("w", shape(larger), ESTIMATE)
    assert (known.memory.run_bytes, known.measured) == (ESTIMATE.run_bytes * factor, False)


def test_other_weights_learn_nothing_from_it(experience: Experience):
    experience.ran("w", shape(REQUEST), ESTIMATE.run_bytes, 300 * MIB, pace=1)
    assert experience.corrected("v", shape(REQUEST), ESTIMATE).memory == ESTIMATE


def test_a_damaged_file_is_forgotten(experience: Experience, tmp_path: Path):
    (tmp_path / "memory.json").write_text("{")
    assert experience.corrected("w", shape(REQUEST), ESTIMATE).memory == ESTIMATE
    experience.loaded("w", 5)
    assert experience.corrected("w", shape(REQUEST), ESTIMATE).memory.load_bytes == 5


def test_what_outgrew_its_memory_asks_for_more_each_time(experience: Experience):
    asked = [experience.corrected("w", shape(REQUEST), ESTIMATE).memory.run_bytes]
    for _ in range(3):
        experience.outgrew("w", shape(REQUEST), asked[-1], held=60 * MIB)
        asked.append(experience.corrected("w", shape(REQUEST), ESTIMATE).memory.run_bytes)
    assert all(later >= earlier * 1.25 for earlier, later in pairwise(asked))


@pytest.fixture
def checkpoint(tmp_path: Path) -> Checkpoint:
    make_checkpoint(tmp_path, megabytes=400)
    path = tmp_path / "models--videosdgx--toy" / "snapshots" / "toy-revision"
    return Checkpoint("videosdgx/toy", "toy-revision", path)


def appraiser(experience: Experience, scheme: Quantization = Quantization.NONE) -> Appraiser:
    return Appraiser(SPEC, VARIANT, experience, scheme, 1000 * MIB)


def test_what_was_stopped_unseen_is_refused_within_a_few_tries(
    experience: Experience, checkpoint: Checkpoint
):
    one, asked = appraiser(experience), []
    while (total := one.demand(checkpoint, REQUEST).total_bytes) <= one.capacity_bytes:
        asked.append(total)
        one.outgrew(checkpoint, REQUEST, held=0, loaded=True, seen=False)
    assert 2 <= len(asked) <= 5
    assert asked[-1] >= one.capacity_bytes * 3 // 4, "it was refused before it had been let try"


def test_a_scheme_shrinks_the_weights_and_not_the_run(
    experience: Experience, checkpoint: Checkpoint
):
    plain = appraiser(experience).demand(checkpoint, REQUEST)
    small = appraiser(experience, Quantization.NF4).demand(checkpoint, REQUEST)
    assert plain.load_bytes == 400 * MIB
    assert small.load_bytes == 400 * MIB * 35 // 100
    assert plain.run_bytes == small.run_bytes == 640 * 480 * 3 * 8 + BESIDE_TENSORS


def in_float32(one: Appraiser) -> Appraiser:
    return replace(one, dtype=ComputeDtype.FLOAT32)


def test_float32_doubles_what_is_not_quantized(experience: Experience, checkpoint: Checkpoint):
    """Of a hundred million numbers a half are in FP8, which is as large in either format."""

    def plain(_path: Path, _request: ResolvedRequest, dtype: ComputeDtype) -> Memory:
        return Memory(100 * MIB * dtype.itemsize, 0)

    def saved(_path: Path, _scheme: Quantization, dtype: ComputeDtype) -> int:
        return 50 * MIB * (dtype.itemsize - 1)

    spec = replace(SPEC, memory=plain, saved_bytes=saved)
    narrow = replace(appraiser(experience, Quantization.FP8), spec=spec)
    held, wide = (
        one.demand(checkpoint, REQUEST).load_bytes for one in (narrow, in_float32(narrow))
    )
    assert (held, wide) == ((50 + 2 * 50) * MIB, (50 + 4 * 50) * MIB)


def test_what_was_measured_in_one_format_says_nothing_of_another(
    experience: Experience, checkpoint: Checkpoint
):
    one = appraiser(experience)
    other = in_float32(one)
    experience.loaded(one.weights(checkpoint), 7 * MIB)
    assert one.demand(checkpoint, REQUEST).load_bytes == 7 * MIB
    assert other.demand(checkpoint, REQUEST).load_bytes == 400 * MIB
    assert one.weights(checkpoint) == f"videosdgx/toy@none:{400 * MIB}"


@pytest.mark.parametrize(
    ("device", "kind", "on_gpu"),
    [
        ("auto", MemoryKind.UNIFIED, True),
        ("auto", MemoryKind.GPU, True),
        ("auto", MemoryKind.CPU, False),
        ("cpu", MemoryKind.UNIFIED, False),
        ("auto", MemoryKind.FILE, False),
        ("cuda:0", MemoryKind.FILE, True),
    ],
)
def test_where_a_model_will_run_is_told_without_torch(device: str, kind: MemoryKind, on_gpu: bool):
    assert runs_on_gpu(device, kind) is on_gpu


def test_the_setting_reaches_the_estimate(tmp_path: Path):
    for asked, kind, dtype in (
        ("float32", MemoryKind.CPU, ComputeDtype.FLOAT32),
        ("auto", MemoryKind.UNIFIED, ComputeDtype.BFLOAT16),
    ):
        settings = Settings(state_dir=tmp_path, compute_dtype=asked)
        assert Appraiser.of(SPEC, settings, 1000 * MIB, kind).dtype is dtype


def fitting(experience: Experience, checkpoint: Checkpoint, megabytes: int) -> Fitting:
    return Fitting(appraiser(experience), checkpoint, VARIANT, megabytes * MIB)


def test_what_fits_passes(experience: Experience, checkpoint: Checkpoint):
    fitting(experience, checkpoint, 500).check(REQUEST)


def test_a_large_picture_is_refused_with_one_that_fits(
    experience: Experience, checkpoint: Checkpoint
):
    huge = REQUEST.model_copy(update={"width": 1280, "height": 720, "options": {"hold_mb": 25}})
    with pytest.raises(NotEnoughMemory) as refused:
        fitting(experience, checkpoint, 465).check(huge)
    assert refused.value.body.param == "resolution"
    assert "This needs 0.5 GB of memory" in refused.value.body.message
    assert "resolution 640x352" in (refused.value.body.hint or "")
    assert "QUANTIZATION=fp8 for the service" in (refused.value.body.hint or "")


def test_half_the_bytes_may_fit(experience: Experience, checkpoint: Checkpoint):
    def plain(_path: Path, _request: ResolvedRequest, dtype: ComputeDtype) -> Memory:
        return Memory(100 * MIB * dtype.itemsize, 0)

    wide = replace(in_float32(appraiser(experience)), spec=replace(SPEC, memory=plain))
    with pytest.raises(NotEnoughMemory) as refused:
        Fitting(wide, checkpoint, VARIANT, 300 * MIB).check(REQUEST)
    assert "COMPUTE_DTYPE=bfloat16 for the service, which is much slower" in (
        refused.value.body.hint or ""
    )


def test_where_nothing_helps_it_says_so(experience: Experience, checkpoint: Checkpoint):
    with pytest.raises(NotEnoughMemory) as refused:
        fitting(experience, checkpoint, 20).check(REQUEST)
    assert refused.value.body.param is None
    assert "smaller checkpoint" in (refused.value.body.hint or "")


def test_the_headers_are_read_once_for_each_shape(experience: Experience, checkpoint: Checkpoint):
    reads = []

    def counting(path: Path, request: ResolvedRequest, dtype: ComputeDtype) -> Memory:
        reads.append(request.width)
        return Memory(1, 1)

    spec = replace(SPEC, memory=counting)
    one = Appraiser(spec, VARIANT, experience, Quantization.NONE, 1000 * MIB)
    for width in (640, 640, 320, 640):
        one.demand(checkpoint, REQUEST.model_copy(update={"width": width}))
    assert sorted(reads) == [64, 320, 640]  # the first is that of the weights alone
