"""Quantized weights on disk: the same bits again, or the source with a warning."""

import json
import logging
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from common.base.errors import JobCancelled
from common.contract import LoadReport, Quantization
from common.kinds.video.resolved import ResolvedRequest
from common.runtime.cache import WeightCache
from common.runtime.cache_recipe import Recipe, recipe_for
from common.runtime.cache_writer import plain_tensors
from common.runtime.live_weights import Naming, live_weights
from common.runtime.quantization import quantize_, scheme_of
from ltx2.model_config import SPEC as LTX2
from magi1.checkpoint import convert
from scripts.tiny import ltx2, wan21
from tests.disks import mounted
from tests.formats import on_cpu
from tests.job_contexts import Context
from tests.unit.media.disks import fill
from wan21.model_config import SPEC as WAN

CPU = torch.device("cpu")
SCHEMES = [Quantization.FP8, Quantization.NF4, Quantization.NVFP4]
SPECS = {"wan": WAN, "ltx2": LTX2}


@pytest.fixture(scope="module")
def snapshots(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The 1.3B: its sides are multiples of 16, as NVFP4 wants them."""
    root = tmp_path_factory.mktemp("models")
    return {
        "wan": wan21.build_2_1(root)[1],
        "ltx2": ltx2.build(root, repositories=["Lightricks/LTX-2"])[0],
    }


class Loads:
    """Loads Wan with a cache, and keeps what is reported."""

    def __init__(self, checkpoint: Path, cache: Path) -> None:
        self.checkpoint = checkpoint
        self.reports: list[LoadReport] = []
        self.options = on_cpu(
            quantization=Quantization.FP8,
            cache_dir=cache,
            on_report=self.reports.append,
        )

    def __call__(self, **changes: Any) -> Any:
        return WAN.load(self.checkpoint, replace(self.options, **changes))

    @property
    def cached(self) -> list[bool]:
        return [report.from_cache for report in self.reports]

    @property
    def entries(self) -> set[Path]:
        assert self.options.cache_dir is not None
        return set(self.options.cache_dir.iterdir())


@pytest.fixture
def loads(snapshots: dict[str, Path], tmp_path: Path) -> Loads:
    checkpoint = tmp_path / "models--org--wan" / "snapshots" / "abc"
    shutil.copytree(snapshots["wan"], checkpoint)
    return Loads(checkpoint, tmp_path / "cache")


def assert_same(ours: Any, theirs: Any) -> None:
    for name in ("transformer", "text_encoder"):
        first, second = (dict(flat(getattr(pipeline, name))) for pipeline in (ours, theirs))
        assert first.keys() == second.keys()
        for key, tensor in first.items():
            assert tensor.dtype is second[key].dtype
            assert torch.equal(bits(tensor), bits(second[key])), key


def flat(module: nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    linears = {name for name, child in module.named_modules() if scheme_of(child)}
    assert linears
    for name, (_, tensor) in plain_tensors(module, linears):
        yield name, tensor
    yield from module.named_buffers()


def bits(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.contiguous().view(-1).view(torch.uint8)


def frames_of(spec: Any, pipeline: Any) -> np.ndarray[Any, Any]:
    request = ResolvedRequest(
        prompt="A cat on a beach",
        negative_prompt="blurry",
        width=64,
        height=64,
        num_frames=9,
        fps=16.0,
        seed=3,
        num_inference_steps=2,
        guidance_scale=4.0,
        generate_audio=False,
    )
    frames = np.concatenate(list(spec.generate(pipeline, request, Context()).frames))
    assert frames.std() > 0
    return frames


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("model", SPECS)
def test_a_cached_load_makes_the_same_video(
    snapshots: dict[str, Path], tmp_path: Path, model: str, scheme: Quantization
):
    spec, reports = SPECS[model], list[LoadReport]()
    options = on_cpu(quantization=scheme, cache_dir=tmp_path, on_report=reports.append)
    videos = [frames_of(spec, spec.load(snapshots[model], options)) for _ in range(2)]
    assert [report.from_cache for report in reports] == [False, True]
    assert reports[0].weight_bytes == reports[1].weight_bytes
    assert np.array_equal(*videos)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_cached_load_has_the_same_bits(loads: Loads, scheme: Quantization):
    first, second = (loads(quantization=scheme) for _ in range(2))
    assert loads.cached == [False, True]
    assert_same(first, second)


def test_a_cached_load_reads_nothing_of_the_source(loads: Loads):
    first = loads()
    for name in ("transformer", "text_encoder"):
        for path in (loads.checkpoint / name).glob("*.safetensors"):
            before = path.stat()
            path.write_bytes(bytes(before.st_size))
            os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert_same(first, loads())
    assert loads.cached == [False, True]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_what_was_kept_in_one_format_is_not_served_in_another(loads: Loads, scheme: Quantization):
    first, second, again = (
        loads(quantization=scheme, compute_dtype=name)
        for name in ("bfloat16", "float32", "float32")
    )
    assert loads.cached == [False, False, True]
    assert first.transformer.dtype is torch.bfloat16
    assert second.transformer.dtype is torch.float32
    assert_same(second, again)


@pytest.mark.parametrize(
    "fields", [{"cache_dir": None}, {"quantization": Quantization.NONE}], ids=["off", "none"]
)
def test_nothing_is_kept_where_it_is_not_wanted(
    loads: Loads, tmp_path: Path, fields: dict[str, Any]
):
    loads(**fields)
    assert not (tmp_path / "cache").exists()


Damage = Callable[[Path], object]


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-100] ^= 1
    path.write_bytes(data)


def flip_header(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[20] ^= 1
    path.write_bytes(data)


def forget_checksums(path: Path) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), "checksums": {}}))


def other_layers(path: Path) -> None:
    manifest = json.loads(path.read_text())
    manifest["quantized"] = {f"no.{name}": x for name, x in manifest["quantized"].items()}
    path.write_text(json.dumps(manifest))


DAMAGE: list[tuple[str, Damage]] = [
    ("weights.safetensors", flip),
    ("weights.safetensors", flip_header),
    ("weights.safetensors", lambda path: path.write_bytes(path.read_bytes()[:-1])),
    ("weights.safetensors", lambda path: path.write_bytes(b"")),
    ("weights.safetensors", lambda path: path.unlink()),
    ("manifest.json", lambda path: path.write_text("{")),
    ("manifest.json", lambda path: path.write_text("[]")),
    ("manifest.json", forget_checksums),
    ("manifest.json", other_layers),
]


@pytest.mark.parametrize(("file", "damage"), DAMAGE)
def test_a_bad_entry_is_removed_with_one_warning_and_made_again(
    loads: Loads, caplog: pytest.LogCaptureFixture, file: str, damage: Damage
):
    first = loads()
    (entry,) = (path for path in loads.entries if path.name.startswith("transformer"))
    damage(entry / file)
    caplog.clear()
    told: list[tuple[int, int]] = []
    second = loads(on_bytes=lambda done, total: told.append((done, total)))
    warnings = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert [record.message for record in warnings] == [
        "removing damaged quantized weights, reading the source"
    ]
    assert_same(first, second)
    assert told[-1][0] == told[-1][1]
    loads()
    assert loads.cached == [False, False, True]


def small_model(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    layers = nn.Sequential(nn.Linear(256, 256), nn.LayerNorm(256)).to(torch.bfloat16)
    quantize_(layers, Quantization.FP8)
    return layers


def recipe(name: str) -> Recipe:
    return Recipe("transformer", {"name": name})


def test_the_least_recently_used_goes_first(tmp_path: Path):
    for age, name in enumerate(["old", "older", "oldest"]):
        assert WeightCache(tmp_path).store(recipe(name), small_model(), ["0"])
        stamp = 1_000_000_000 - age
        os.utime(tmp_path / recipe(name).name / "manifest.json", (stamp, stamp))
    entry = WeightCache(tmp_path).open(recipe("oldest"))
    assert entry is not None
    entry.close()
    assert WeightCache(tmp_path, 3 * 80_000).store(recipe("new"), small_model(), ["0"])
    kept = {path.name for path in tmp_path.iterdir()}
    assert kept == {recipe(name).name for name in ("old", "oldest", "new")}


def test_another_containers_user_can_read_an_entry(tmp_path: Path):
    """Workers write for themselves alone (umask 077), and weights are for all who share them."""
    before = os.umask(0o077)
    try:
        assert WeightCache(tmp_path / "cache").store(recipe("a"), small_model(), ["0"])
    finally:
        os.umask(before)
    paths = [tmp_path / "cache", *(tmp_path / "cache").rglob("*")]
    modes = {path.stat().st_mode & 0o777 for path in paths if path.is_dir()}
    assert modes == {0o755}
    assert {path.stat().st_mode & 0o777 for path in paths if path.is_file()} == {0o644}


def test_what_is_in_use_stays(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    mine = WeightCache(tmp_path, 80_000)
    assert mine.store(recipe("mine"), small_model(), ["0"])
    assert not mine.store(recipe("second"), small_model(), ["0"])
    reader = WeightCache(tmp_path).open(recipe("mine"))
    assert reader is not None
    assert not WeightCache(tmp_path, 80_000).store(recipe("theirs"), small_model(), ["0"])
    reader.close()
    assert WeightCache(tmp_path, 80_000).store(recipe("theirs"), small_model(), ["0"])
    assert not WeightCache(tmp_path, 10).store(recipe("large"), small_model(), ["0"])
    assert [record.message for record in caplog.records] == 3 * [
        "no room to keep quantized weights"
    ]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A volume of 96 MiB."""
    with mounted(tmp_path / "small", "size=96m") as folder:
        yield folder


def test_a_full_volume_is_one_warning(
    loads: Loads, small_disk: Path, caplog: pytest.LogCaptureFixture
):
    fill(small_disk)
    first = loads(cache_dir=small_disk)
    messages = {r.message for r in caplog.records if r.levelno >= logging.WARNING}
    assert messages <= {"no room to keep quantized weights", "quantized weights were not kept"}
    assert messages
    assert_same(first, loads(cache_dir=None))
    assert [path.name for path in small_disk.iterdir()] == ["filler"]


def test_room_is_made_on_a_full_volume(small_disk: Path):
    big = nn.Sequential(*(nn.Linear(1024, 1024) for _ in range(20))).to(torch.bfloat16)
    quantize_(big, Quantization.FP8)
    linears = [str(index) for index in range(20)]
    assert WeightCache(small_disk).store(recipe("first"), big, linears)
    assert WeightCache(small_disk).store(recipe("second"), big, linears)
    assert [path.name for path in small_disk.iterdir()] == [recipe("second").name]


def test_a_folder_that_cannot_be_made_is_one_warning(
    loads: Loads, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    (tmp_path / "file").write_text("")
    loads(cache_dir=tmp_path / "file" / "cache")
    assert {r.message for r in caplog.records if r.levelno >= logging.WARNING} <= {
        "quantized weights were not kept",
        "quantized weights cannot be read",
    }


def test_a_job_cancelled_while_it_is_kept_leaves_nothing(tmp_path: Path):
    def cancel(_count: int) -> None:
        raise JobCancelled

    with pytest.raises(JobCancelled):
        WeightCache(tmp_path).store(recipe("a"), small_model(), ["0"], cancel)
    assert list(tmp_path.iterdir()) == []


def test_another_recipe_is_another_entry(snapshots: dict[str, Path], tmp_path: Path):
    folder = tmp_path / "org" / "transformer"
    shutil.copytree(snapshots["wan"] / "transformer", folder)

    def name(scheme: Quantization = Quantization.FP8, *linears: str, **fields: Any) -> str:
        plain: dict[str, Any] = {"device": CPU, "dtype": torch.bfloat16}
        schemes = dict.fromkeys(linears or ("b",), scheme)
        live = live_weights(folder, Naming.DIFFUSERS)
        return recipe_for(folder, live, schemes, **{**plain, **fields}).name

    names = [
        name(),
        name(Quantization.NF4),
        name(Quantization.FP8, "a"),
        name(Quantization.FP8, "a", "b"),
        name(device=torch.device("cuda")),
        name(dtype=torch.float16),
        name(adapter=folder / "config.json"),
        name(config={"num_layers": 2}),
        name(conversion=convert),
    ]
    assert name() == names[0]
    (folder / "config.json").write_text((folder / "config.json").read_text() + " ")
    names.append(name())
    os.utime(folder / "diffusion_pytorch_model.safetensors")
    names.append(name())
    assert len(set(names)) == len(names)
    assert all(each.startswith("transformer-") for each in names)
