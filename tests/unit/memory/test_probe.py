"""What the pool is and how much of it is available, on recorded machines."""

import logging
import timeit
from pathlib import Path

import pynvml
import pytest

from common.base.settings import SettingsError
from common.memory.meminfo import Unreadable, parse_meminfo
from common.memory.probe import MemoryKind, detect, floor_bytes
from tests.unit.memory.probe_machines import (
    GIB,
    SPARK_BYTES,
    WORKSTATION_BYTES,
    Machine,
    Memory,
    Nvml,
    rtx,
    spark,
)


@pytest.fixture(autouse=True)
def all_gpus_visible(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


# A DGX Spark


def test_on_a_spark_the_page_cache_counts_as_available(tmp_path: Path):
    reading = Machine(tmp_path, "spark_meminfo.txt").detect(nvml=spark()).read()
    assert (reading.kind, reading.source) == (MemoryKind.UNIFIED, "/proc/meminfo")
    assert reading.total_bytes == SPARK_BYTES
    assert reading.available_bytes == 52 * GIB  # 2.77 GiB are free


def test_swap_is_shown_and_not_spent(tmp_path: Path):
    reading = Machine(tmp_path, "spark_meminfo.txt").detect(nvml=spark()).read()
    assert reading.swap_free_bytes == 15.5 * GIB
    assert reading.available_bytes == 52 * GIB


def test_where_huge_pages_are_set_aside_only_they_count(tmp_path: Path):
    reading = Machine(tmp_path, "spark_huge_pages_meminfo.txt").detect(nvml=spark()).read()
    assert reading.source == "/proc/meminfo, huge pages"
    assert (reading.total_bytes, reading.available_bytes) == (32 * GIB, 24 * GIB)
    assert reading.swap_free_bytes == 0


def test_a_container_limit_does_not_bound_unified_memory(tmp_path: Path):
    machine = Machine(tmp_path, "spark_meminfo.txt")
    machine.member("0::/")
    machine.limit_v2("", str(GIB), 0)
    assert machine.detect(nvml=spark()).read().available_bytes == 52 * GIB


@pytest.mark.parametrize(
    "memory",
    [
        Memory(0, 0, 0),
        Memory(8 * GIB, 0, 9 * GIB),
        Memory(8 * GIB, 9 * GIB, 0),
        Memory(2**64 - 1, 2**63, 0),
        Memory(SPARK_BYTES, GIB, SPARK_BYTES - GIB),
        pynvml.NVML_ERROR_NOT_SUPPORTED,
    ],
)
def test_a_gpu_without_usable_figures_shares_the_machines_memory(
    tmp_path: Path, memory: Memory | int
):
    nvml = Nvml("NVIDIA N1X", memory)
    reading = Machine(tmp_path, "spark_meminfo.txt").detect(nvml=nvml).read()
    assert (reading.kind, reading.available_bytes) == (MemoryKind.UNIFIED, 52 * GIB)


def test_a_gb10_is_unified_whatever_nvml_says(machine: Machine):
    nvml = Nvml("NVIDIA GB10", Memory(24 * GIB, 20 * GIB, 4 * GIB))
    assert machine.detect(nvml=nvml).read().kind is MemoryKind.UNIFIED


# A discrete GPU


@pytest.mark.parametrize("device", ["auto", "cuda"])
def test_a_discrete_gpu_has_its_own_memory(machine: Machine, device: str):
    reading = machine.detect(device, nvml=rtx()).read()
    assert (reading.kind, reading.source) == (MemoryKind.GPU, "NVML")
    assert (reading.total_bytes, reading.available_bytes) == (24 * GIB, 22 * GIB)


def test_a_gpu_may_be_larger_than_the_ram_beside_it(machine: Machine):
    nvml = Nvml("NVIDIA H200", Memory(141 * GIB, 140 * GIB, GIB))
    assert machine.detect(nvml=nvml).read().available_bytes == 140 * GIB


def test_nvml_is_started_once_and_asked_at_every_reading(machine: Machine):
    nvml = rtx()
    probe = machine.detect(nvml=nvml)
    nvml.memory = Memory(24 * GIB, 5 * GIB, 19 * GIB)
    assert [probe.read().available_bytes for _ in range(5)] == [5 * GIB] * 5
    assert nvml.inits == 1


@pytest.mark.parametrize(
    "failure", [pynvml.NVML_ERROR_UNKNOWN, pynvml.NVML_ERROR_NOT_SUPPORTED, Memory(0, 0, 0)]
)
def test_when_nvml_stops_answering_its_last_figures_stand_and_it_is_said_once(
    machine: Machine, failure: Memory | int, caplog: pytest.LogCaptureFixture
):
    nvml = rtx()
    probe = machine.detect(nvml=nvml)
    nvml.memory = failure
    with caplog.at_level(logging.WARNING):
        assert {probe.read().available_bytes for _ in range(20)} == {22 * GIB}
    said = [record for record in caplog.records if vars(record)["source"] == "NvmlProbe"]
    assert len(said) == 1
    nvml.memory = Memory(24 * GIB, 7 * GIB, 17 * GIB)
    assert probe.read().available_bytes == 7 * GIB


def test_a_gpu_whose_memory_is_unknown_is_refused_with_the_way_out(machine: Machine):
    with pytest.raises(SettingsError, match="MEMORY_KIND") as caught:
        machine.detect(nvml=Nvml("NVIDIA L4", pynvml.NVML_ERROR_NO_PERMISSION))
    assert "MEMORY_SOURCE" in str(caught.value.body.hint)


@pytest.mark.parametrize(("visible", "asked"), [("1,0", [1]), ("GPU-1", ["GPU-1"])])
def test_the_gpu_is_the_one_that_cuda_sees(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, visible: str, asked: list[object]
):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    nvml = rtx()
    nvml.count = 2
    assert machine.detect(nvml=nvml).read().kind is MemoryKind.GPU
    assert nvml.asked == asked


@pytest.mark.parametrize("visible", ["", "-1", "1", "GPU-2"])
def test_a_gpu_that_cuda_does_not_see_is_none(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, visible: str
):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert machine.detect(nvml=rtx()).read().kind is MemoryKind.CPU


# A CPU


@pytest.mark.parametrize(
    "error", [pynvml.NVML_ERROR_LIBRARY_NOT_FOUND, pynvml.NVML_ERROR_DRIVER_NOT_LOADED]
)
def test_without_a_driver_the_pool_is_the_cpus(machine: Machine, error: int):
    reading = machine.detect(nvml=Nvml("", 0, init_error=error)).read()
    assert (reading.kind, reading.source) == (MemoryKind.CPU, "/proc/meminfo")
    assert reading.total_bytes == WORKSTATION_BYTES
    assert reading.available_bytes == 57104220 * 1024


def test_on_the_cpu_no_gpu_is_asked(machine: Machine):
    nvml = rtx()
    assert machine.detect("cpu", nvml=nvml).read().kind is MemoryKind.CPU
    assert nvml.inits == 0


def test_a_missing_gpu_is_a_warning_only_where_one_was_wanted(
    machine: Machine, caplog: pytest.LogCaptureFixture
):
    with caplog.at_level(logging.WARNING):
        machine.detect("auto")
        assert not caplog.records
        machine.detect("cuda")
    assert len(caplog.records) == 1


def test_a_container_of_version_2_has_its_limit_and_its_idle_file_pages(machine: Machine):
    machine.member("0::/")
    machine.limit_v2("", str(8 * GIB), 6 * GIB, "cgroup_v2_stat.txt")
    reading = machine.detect("cpu").read()
    assert (reading.source, reading.total_bytes) == ("cgroup", 8 * GIB)
    assert reading.available_bytes == 4 * GIB  # 2 below the limit, 2 that can be dropped


def test_a_container_of_version_1_too_though_its_path_is_the_hosts(machine: Machine):
    machine.member("4:memory:/docker/0123abcd")
    machine.limit_v1("", str(4 * GIB), 3 * GIB, "cgroup_v1_stat.txt")
    reading = machine.detect("cpu").read()
    assert (reading.source, reading.total_bytes) == ("cgroup", 4 * GIB)
    assert reading.available_bytes == 2 * GIB


def test_the_tightest_cgroup_above_a_process_counts(machine: Machine):
    machine.member("0::/system.slice/wan.service")
    machine.limit_v2("system.slice", str(6 * GIB), 5 * GIB)
    machine.limit_v2("system.slice/wan.service", str(16 * GIB), GIB)
    reading = machine.detect("cpu").read()
    assert (reading.total_bytes, reading.available_bytes) == (6 * GIB, GIB)


@pytest.mark.parametrize("version", [1, 2])
def test_a_cgroup_without_a_limit_changes_nothing(machine: Machine, version: int):
    machine.member("0::/own" if version == 2 else "4:memory:/own")
    if version == 2:
        machine.limit_v2("own", "max", GIB)
    else:
        machine.limit_v1("own", "9223372036854771712", GIB)
    reading = machine.detect("cpu").read()
    assert reading.source == "/proc/meminfo"
    assert reading.total_bytes == WORKSTATION_BYTES


def test_a_full_machine_counts_inside_a_roomy_container(machine: Machine):
    machine.member("0::/")
    machine.limit_v2("", str(60 * GIB), 0)
    reading = machine.detect("cpu").read()
    assert (reading.total_bytes, reading.available_bytes) == (60 * GIB, 57104220 * 1024)


def test_a_cgroup_over_its_limit_has_nothing_left(machine: Machine):
    machine.member("0::/")
    machine.limit_v2("", str(GIB), 2 * GIB)
    assert machine.detect("cpu").read().available_bytes == 0


def test_a_path_out_of_sight_is_not_followed(machine: Machine):
    machine.member("0::/../neighbour")
    machine.limit_v2("../neighbour", str(GIB), GIB)
    assert machine.detect("cpu").read().source == "/proc/meminfo"


# By setting


@pytest.mark.parametrize("kind", ["unified", "gpu", "cpu"])
def test_the_kind_can_be_forced(machine: Machine, kind: str):
    assert machine.detect("cpu", kind, nvml=rtx()).read().kind == kind


def test_a_gpu_pool_needs_a_gpu(machine: Machine):
    with pytest.raises(SettingsError, match="MEMORY_KIND"):
        machine.detect(kind="gpu")


def test_a_machine_that_says_nothing_is_refused(machine: Machine):
    (machine.proc / "meminfo").unlink()
    for device, nvml in (("cpu", None), ("auto", spark()), ("auto", rtx())):
        with pytest.raises(SettingsError, match="MEMORY_KIND"):
            machine.detect(device, nvml=nvml)


def test_a_file_is_read_anew_at_every_reading(machine: Machine, tmp_path: Path):
    file = tmp_path / "pool.json"
    file.write_text('{"total_bytes": 100, "available_bytes": 80}')
    probe = machine.detect(source=file, nvml=rtx())
    file.write_text('{"total_bytes": 100, "available_bytes": 30}')
    reading = probe.read()
    assert (reading.kind, reading.total_bytes, reading.available_bytes) == ("file", 100, 30)


def test_a_half_written_file_does_not_count(machine: Machine, tmp_path: Path):
    file = tmp_path / "pool.json"
    file.write_text('{"total_bytes": 100, "available_bytes": 80}')
    probe = machine.detect(source=file)
    for text in ('{"total_bytes": 1', "", '{"total_bytes": 100, "available_bytes": 101}'):
        file.write_text(text)
        assert probe.read().available_bytes == 80


@pytest.mark.parametrize("text", [None, "nonsense", '{"total_bytes": 5}'])
def test_a_file_that_never_made_sense_is_refused(
    machine: Machine, tmp_path: Path, text: str | None
):
    file = tmp_path / "pool.json"
    if text is not None:
        file.write_text(text)
    with pytest.raises(SettingsError, match="MEMORY_SOURCE"):
        machine.detect(source=file)


@pytest.mark.parametrize(
    ("setting", "total", "floor"),
    [(8, SPARK_BYTES, 8 * GIB), (8, 4 * GIB, 4 * GIB // 10), (0, SPARK_BYTES, 0)],
)
def test_the_floor_is_a_tenth_at_most(setting: float, total: int, floor: int):
    assert floor_bytes(setting, total) == floor


# Texts, and this machine


@pytest.mark.parametrize(
    "text", ["", "MemTotal: 5 kB\n", "MemTotal: many kB\nMemAvailable: 1 kB\n", "MemTotal:\n"]
)
def test_a_text_without_the_figures_is_refused(text: str):
    with pytest.raises(Unreadable, match="MemAvailable"):
        parse_meminfo(text)


@pytest.mark.parametrize("kind", ["cpu", "unified"])
def test_this_machine_is_read_in_well_under_a_millisecond(kind: str):
    probe = detect("cpu", kind)
    reading = probe.read()
    assert 0 < reading.available_bytes <= reading.total_bytes
    assert min(timeit.repeat(probe.read, number=10, repeat=20)) / 10 < 0.001
