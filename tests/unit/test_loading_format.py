"""Safetensors files that are not what they should be, and the reading of those that are."""

import json
import struct
from pathlib import Path
from typing import Any

import pytest
import torch
import xxhash
from safetensors.torch import save_file

from common.base.errors import CheckpointError
from common.runtime.live_weights import Naming
from common.runtime.safetensors_format import make_header
from common.runtime.safetensors_reader import CHUNK_BYTES, DTYPES, TensorReader
from common.runtime.weight_files import WeightFiles

CPU = torch.device("cpu")
TRANSFORMERS = Naming.TRANSFORMERS


def write(folder: Path, header: Any, data: bytes = b"") -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path = folder / "vae" / "model.safetensors"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    return path.parent


def field(**changes: Any) -> dict[str, Any]:
    return {"dtype": "U8", "shape": [4], "data_offsets": [0, 4], **changes}


BAD = [
    (b"{", b""),
    (b"[1]", b""),
    (b"\xff\xfe", b""),
    (b'{"a": {"dtype": "U8", "shape": [0], "data_offsets": [0, 0]}, "a": {}}', b""),
    ({"a": field(dtype="F6")}, bytes(4)),
    ({"a": field(shape=[5])}, bytes(4)),
    ({"a": field(shape=[-1])}, bytes(4)),
    ({"a": field(shape=[4.0])}, bytes(4)),
    ({"a": field(data_offsets=[0])}, bytes(4)),
    ({"a": field(data_offsets=[-4, 0])}, bytes(4)),
    ({"a": field(data_offsets=[2, 6])}, bytes(6)),
    ({"a": field(), "b": field()}, bytes(8)),
    ({"a": field(), "b": field(data_offsets=[5, 9])}, bytes(9)),
    ({"a": field()}, bytes(3)),
    ({"a": field()}, bytes(5)),
    ({"a": 3}, b""),
    (b"[" * 100_000, b""),
]


@pytest.mark.parametrize(("header", "data"), BAD)
def test_a_damaged_file_is_named(tmp_path: Path, header: Any, data: bytes):
    with pytest.raises(CheckpointError, match=r"vae/model\.safetensors (has|is)"):
        WeightFiles.of(write(tmp_path, header, data), TRANSFORMERS)


@pytest.mark.parametrize("content", [b"", b"\x01", b"\xff" * 16, b"\x10" + bytes(7) + b"{}"])
def test_a_header_that_is_not_there_is_named(tmp_path: Path, content: bytes):
    folder = write(tmp_path, {})
    (folder / "model.safetensors").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"vae/model\.safetensors (has|is)"):
        WeightFiles.of(folder, TRANSFORMERS)


def test_a_file_that_shrinks_while_it_is_read_is_named(tmp_path: Path):
    folder = write(tmp_path, {"a": field()}, bytes(4))
    with WeightFiles.of(folder, TRANSFORMERS) as files:
        path = folder / "model.safetensors"
        path.write_bytes(path.read_bytes()[:-2])
        with pytest.raises(CheckpointError, match="cut short"):
            TensorReader(files, CPU).read(files.entries[0])


def samples() -> dict[str, torch.Tensor]:
    """Every format, no dimension, no element, and more bytes than one read."""
    numbers = torch.arange(24).reshape(2, 3, 4)
    tensors = {str(index): numbers.to(dtype) for index, dtype in enumerate(DTYPES.values())}
    large = torch.arange(CHUNK_BYTES // 4 + 3, dtype=torch.float32)
    return {**tensors, "none": torch.zeros(0, 3), "one": torch.tensor(7.0), "large": large}


def bits(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.contiguous().view(-1).view(torch.uint8)


def test_every_tensor_is_read_as_it_was_written(tmp_path: Path):
    (tmp_path / "vae").mkdir()
    tensors = samples()
    save_file(tensors, tmp_path / "vae" / "model.safetensors")
    counts: list[int] = []
    with WeightFiles.of(tmp_path / "vae", TRANSFORMERS) as files:
        reader = TensorReader(files, CPU, counts.append)
        for entry in files.entries:
            hasher = xxhash.xxh3_64()
            tensor = reader.read(entry, hasher=hasher)
            assert tensor.shape == tensors[entry.name].shape
            assert tensor.dtype is tensors[entry.name].dtype
            assert torch.equal(bits(tensor), bits(tensors[entry.name]))
            expected = xxhash.xxh3_64_hexdigest(bits(tensor).numpy().data)
            assert hasher.hexdigest() == expected
        assert sum(counts) == files.size
        assert max(counts) == CHUNK_BYTES


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_casting_on_the_way_is_casting_afterwards(tmp_path: Path, dtype: torch.dtype):
    (tmp_path / "vae").mkdir()
    tensors = samples()
    save_file(tensors, tmp_path / "vae" / "model.safetensors")
    with WeightFiles.of(tmp_path / "vae", TRANSFORMERS) as files:
        reader = TensorReader(files, CPU)
        for entry in files.entries:
            assert torch.equal(reader.read(entry, dtype), tensors[entry.name].to(dtype))


def test_our_header_is_one_that_safetensors_reads(tmp_path: Path):
    from safetensors import safe_open

    path = tmp_path / "model.safetensors"
    path.write_bytes(make_header([("a", "BF16", (2, 3), 12), ("b", "U8", (), 1)]) + bytes(13))
    with safe_open(path, framework="pt") as file:
        assert file.get_tensor("a").shape == (2, 3)
        assert file.get_tensor("b").dtype is torch.uint8
