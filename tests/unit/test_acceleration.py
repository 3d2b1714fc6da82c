"""Attention backends that are tried before they are trusted, compiling, tiling, free memory."""

import logging
from pathlib import Path
from typing import Any

import common.runtime.libraries  # noqa: F401

import pytest
import torch
from diffusers import AutoencoderKLWan, LTX2VideoTransformer3DModel, WanTransformer3DModel
from diffusers.models.attention_dispatch import (
    AttentionBackendName,
    _AttentionBackendRegistry,
    dispatch_attention_fn,
)
from torch.utils.flop_counter import FlopCounterMode

from common.base.errors import VideosDGXError
from common.base.settings import SettingsError
from common.contract import LoadOptions, Quantization
from common.memory.experience import HEADROOM as MEASURED_HEADROOM
from common.runtime.acceleration import (
    accelerate,
    check_group_offload,
    fit_decoder,
    refuse_group_offload,
)
from common.runtime.attention import head_dims, running_backends, takes_masks, worst_error
from common.runtime.available import available_bytes, cgroup_available, mem_available, within
from ltx2.estimates import decoding_bytes, whole_decoding_bytes
from scripts.bench.gpu_models import subjects
from scripts.bench.gpu_step import Setup, measure
from scripts.bench.gpu_subject import build

CPU = torch.device("cpu")


def tiny_wan() -> Any:
    return WanTransformer3DModel(
        num_attention_heads=2, attention_head_dim=16, text_dim=8, ffn_dim=16, num_layers=2
    )


def tiny_ltx2() -> Any:
    return LTX2VideoTransformer3DModel(
        num_attention_heads=2,
        attention_head_dim=16,
        cross_attention_dim=32,
        audio_num_attention_heads=2,
        audio_attention_head_dim=8,
        audio_cross_attention_dim=16,
        num_layers=2,
        caption_channels=8,
    )


@pytest.fixture(params=[tiny_wan, tiny_ltx2], ids=["wan", "ltx2"])
def transformer(request: pytest.FixtureRequest) -> Any:
    return request.param()


# Attention


def test_the_default_is_native(transformer: Any):
    assert accelerate(transformer, LoadOptions(), CPU) == "native"


def test_another_backend_is_used(caplog: pytest.LogCaptureFixture):
    transformer = tiny_wan()
    options = LoadOptions(attention_backend="_NATIVE_MATH")
    assert accelerate(transformer, options, CPU) == "_native_math"
    backends = {block.attn1.processor._attention_backend for block in transformer.blocks}
    assert backends == {AttentionBackendName._NATIVE_MATH}
    assert caplog.records == []
    accelerate(transformer, LoadOptions(), CPU)


@pytest.mark.parametrize("name", ["sage", "_native_cudnn", "flash_hub", "fastest"])
def test_what_does_not_run_is_refused_with_what_does(transformer: Any, name: str):
    with pytest.raises(SettingsError, match=name) as caught:
        accelerate(transformer, LoadOptions(attention_backend=name), CPU)
    body = caught.value.body
    assert body.param == "ATTENTION_BACKEND"
    assert "native" in (body.hint or "").split("these: ")[1].rstrip(".").split(", ")
    assert isinstance(caught.value, VideosDGXError)


def test_a_backend_must_take_the_models_masks():
    """torch's flash attention runs on a CPU, but LTX-2 gives its text a mask."""
    assert "_native_flash" in running_backends(tiny_wan(), CPU)
    assert "_native_flash" not in running_backends(tiny_ltx2(), CPU)
    assert (takes_masks(tiny_wan()), takes_masks(tiny_ltx2())) == (False, True)
    assert (head_dims(tiny_wan()), head_dims(tiny_ltx2())) == ({16}, {16, 8})


def wrong_tail(query: Any, key: Any, value: Any, **_: Any) -> Any:
    """Right but for the last tokens, as a kernel that forgets its partly filled block."""
    good = dispatch_attention_fn(query, key, value, backend=AttentionBackendName.NATIVE)
    good[:, -4:] = good[:, :4]
    return good


def not_numbers(query: Any, key: Any, value: Any, **_: Any) -> Any:
    return torch.full_like(query, float("nan"))


def imprecise(query: Any, key: Any, value: Any, **_: Any) -> Any:
    """As far off as eight bits are."""
    good = dispatch_attention_fn(query, key, value, backend=AttentionBackendName.NATIVE)
    return good + 0.03 * good.norm(dim=-1, keepdim=True) / good.shape[-1] ** 0.5


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_a_kernel_is_tried_in_the_models_own_format(dtype: torch.dtype):
    """float32 against float32 is nearly exact; bfloat16 never is."""
    error = worst_error(AttentionBackendName.NATIVE, tiny_wan().to(dtype), CPU)
    assert error is not None
    assert (error < 1e-5) is (dtype is torch.float32)


@pytest.mark.parametrize(
    ("kernel", "refused"), [(wrong_tail, True), (not_numbers, True), (imprecise, False)]
)
def test_wrong_numbers_are_refused(monkeypatch: pytest.MonkeyPatch, kernel: Any, refused: bool):
    """A backend of our own in the dispatcher's table, where an installed one would stand."""
    name = AttentionBackendName._NATIVE_XLA  # needs torch_xla, so it is free for the taking
    arguments = {"query", "key", "value", "_parallel_config"}
    monkeypatch.setattr("diffusers.models.attention_dispatch._CAN_USE_XLA_ATTN", True)
    monkeypatch.setitem(_AttentionBackendRegistry._backends, name, kernel)
    monkeypatch.setitem(_AttentionBackendRegistry._supported_arg_names, name, arguments)
    transformer, options = tiny_wan(), LoadOptions(attention_backend=name.value)
    if refused:
        with pytest.raises(SettingsError, match="wrong results"):
            accelerate(transformer, options, CPU)
        assert name.value not in running_backends(transformer, CPU)
    else:
        assert accelerate(transformer, options, CPU) == name.value
        accelerate(transformer, LoadOptions(), CPU)


def test_native_is_nearly_exact(transformer: Any):
    error = worst_error(AttentionBackendName.NATIVE, transformer, CPU)
    assert error is not None
    assert error < 0.01


# Compiling


@pytest.mark.filterwarnings("ignore:.*script_method:DeprecationWarning")  # torch imports its own
def test_repeated_blocks_are_compiled_by_setting(transformer: Any):
    def compiled() -> set[bool]:
        blocks = [m for m in transformer.modules() if type(m).__name__.endswith("TransformerBlock")]
        assert len(blocks) == 2
        return {block._compiled_call_impl is not None for block in blocks}

    accelerate(transformer, LoadOptions(), CPU)
    assert compiled() == {False}
    accelerate(transformer, LoadOptions(compile_blocks=True), CPU)
    assert compiled() == {True}


# Group offload


def test_group_offload_is_refused_on_a_cpu():
    with pytest.raises(SettingsError, match="is the CPU") as caught:
        accelerate(tiny_wan(), LoadOptions(group_offload=True), CPU)
    assert caught.value.body.param == "GROUP_OFFLOAD"


def test_group_offload_is_refused_for_a_model_that_cannot():
    with pytest.raises(SettingsError) as caught:
        refuse_group_offload(LoadOptions(group_offload=True))
    assert caught.value.body.param == "GROUP_OFFLOAD"
    refuse_group_offload(LoadOptions())


@pytest.mark.parametrize("integrated", [True, False])
def test_group_offload_is_for_a_gpu_of_its_own_memory(
    monkeypatch: pytest.MonkeyPatch, integrated: bool
):
    class Properties:
        is_integrated = integrated

    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _device: Properties)
    options, gpu = LoadOptions(group_offload=True), torch.device("cuda", 0)
    if integrated:
        with pytest.raises(SettingsError, match="shares its memory"):
            check_group_offload(options, gpu)
    else:
        check_group_offload(options, gpu)
    check_group_offload(LoadOptions(), gpu)


# Tiling


def test_tiles_exactly_when_it_does_not_fit(caplog: pytest.LogCaptureFixture):
    vae = AutoencoderKLWan(base_dim=4, num_res_blocks=1)
    with caplog.at_level(logging.INFO):
        assert not fit_decoder(vae, 100, 100)
        assert (vae.use_tiling, vae.use_slicing, len(caplog.records)) == (False, False, 0)
        assert fit_decoder(vae, 101, 100)
        assert (vae.use_tiling, vae.use_slicing) == (True, True)
        assert "tiles" in caplog.records[0].message
        assert not fit_decoder(vae, 99, 100)
        assert (vae.use_tiling, vae.use_slicing) == (False, False)


def test_ltx2_is_given_the_memory_for_one_piece_up_to_720p():
    """LTX-2's vae/config.json: 1024 channels, patches of 4, upsampled by 2."""
    vae = {"decoder_block_out_channels": [256], "upsample_factor": [2], "patch_size": 4}
    sizes = (1280, 704, 121), (1920, 1088, 121)
    whole = [whole_decoding_bytes(vae, *size) for size in sizes]
    given = [decoding_bytes(vae, *size) for size in sizes]
    assert given[0] == whole[0]
    assert given[1] < whole[1], "tiles take less"
    wide = [decoding_bytes(vae, *size, itemsize=4) for size in sizes]
    assert wide == [pytest.approx(2 * count, rel=1e-6) for count in given]


# Free memory


def test_mem_available_is_read():
    assert mem_available("MemTotal:  100 kB\nMemFree: 10 kB\nMemAvailable:   50 kB\n") == 51200
    with pytest.raises(ValueError, match="MemAvailable"):
        mem_available("MemTotal: 100 kB\n")


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def test_cgroup_v2_leaves_what_it_does_not_use(tmp_path: Path):
    stat = "anon 400\ninactive_file 250\nactive_file 50\n"
    write(tmp_path, memory_dot_max="1000\n", memory_dot_current="700\n", memory_dot_stat=stat)
    assert cgroup_available(tmp_path) == 550


def test_cgroup_v1_too(tmp_path: Path):
    write(
        tmp_path,
        memory__memory_dot_limit_in_bytes="1000",
        memory__memory_dot_usage_in_bytes="1100",
        memory__memory_dot_stat="inactive_file 1\ntotal_inactive_file 150\n",
    )
    assert cgroup_available(tmp_path) == 50


def test_without_a_limit_there_is_none(tmp_path: Path):
    assert cgroup_available(tmp_path) == float("inf")
    write(tmp_path, memory_dot_max="max\n", memory_dot_current="700\n", memory_dot_stat="")
    assert cgroup_available(tmp_path) == float("inf")


def test_this_machine_has_memory():
    assert available_bytes(CPU) > 2**20


def test_a_job_within_what_it_was_measured_to_take_is_decoded_in_one_piece():
    """The estimate is half as much again as the bare count; the bound is what a job has taken."""
    count, machine = 10**9, 10**11
    vae = AutoencoderKLWan(base_dim=4, num_res_blocks=1)
    bound = int(count * MEASURED_HEADROOM)
    assert not fit_decoder(vae, int(count * 1.5), within(machine, bound, 1.5))
    assert fit_decoder(vae, int(count * 1.5), within(machine, int(count * 0.9), 1.5))
    assert fit_decoder(vae, int(count * 1.5), within(int(count * 1.4), bound, 1.5))


# The benchmark


@pytest.mark.slow
def test_the_benchmark_divides_by_what_the_models_really_do():
    """Full size, on no device: only shapes are computed."""
    nowhere = torch.device("meta")
    for subject in subjects("full"):
        model = build(subject, nowhere)
        for case in subject.cases:
            with FlopCounterMode(display=False) as counter, torch.no_grad():
                for call in subject.step(case, nowhere):
                    model(**call)
            assert subject.flops(case) == pytest.approx(counter.get_total_flops(), rel=0.001)


@pytest.mark.parametrize(("index", "case"), [(0, "128x96x9"), (2, "128x128x24")])
def test_a_small_transformer_is_timed(index: int, case: str):
    setup = Setup(schemes=(Quantization.NONE,), backends=("native",), compiles=False, steps=1)
    (one,) = measure(subjects("small")[index], CPU, setup)
    assert (one.name, one.case) == ("bf16, native", case)
    assert one.seconds > 0
    assert one.peak_bytes > 0
