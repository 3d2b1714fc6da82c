"""PyTorch's files become safetensors: the same numbers, once, and nothing but tensors."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from scripts.convert_pickles import INDEX, Refused, convert, main

Tensors = dict[str, torch.Tensor]


class Harmful:
    """Runs a command when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


@pytest.fixture
def tensors() -> Tensors:
    shared = torch.randn(5, 3)
    return {
        "shared.weight": shared,
        "encoder.embed_tokens.weight": shared,
        "half.weight": torch.randn(4, 2).to(torch.bfloat16),
        "turned.weight": torch.randn(4, 2).t(),
        "number": torch.tensor(3),
    }


def save(folder: Path, tensors: Tensors, shards: int = 2, **options: Any) -> None:
    names = list(tensors)
    for shard in range(shards):
        part = {name: tensors[name] for name in names[shard::shards]}
        torch.save(part, folder / f"pytorch_model-{shard + 1:05}-of-{shards:05}.bin", **options)


@pytest.mark.parametrize("zipped", [True, False])
def test_the_numbers_are_the_same(tmp_path: Path, tensors: Tensors, zipped: bool):
    save(tmp_path, tensors, _use_new_zipfile_serialization=zipped)
    assert convert(tmp_path)
    files = sorted(tmp_path.glob("*.safetensors"))
    assert [path.name for path in files] == [
        "model-00001-of-00002.safetensors",
        "model-00002-of-00002.safetensors",
    ]
    weight_map = json.loads((tmp_path / INDEX).read_text())["weight_map"]
    assert set(weight_map) == set(tensors)
    for path in files:
        for name, tensor in load_file(path).items():
            assert weight_map[name] == path.name
            assert tensor.dtype is tensors[name].dtype
            assert torch.equal(tensor, tensors[name])
    assert not list(tmp_path.glob("*.part"))


def test_a_tensor_with_two_names_is_written_once(tmp_path: Path, tensors: Tensors):
    save(tmp_path, tensors, shards=1)
    assert convert(tmp_path)
    weight_map = json.loads((tmp_path / INDEX).read_text())["weight_map"]
    assert set(tensors) - set(weight_map) == {"encoder.embed_tokens.weight"}


def test_it_is_done_once(tmp_path: Path, tensors: Tensors, capsys: pytest.CaptureFixture[str]):
    save(tmp_path, tensors)
    main([str(tmp_path)])
    main([str(tmp_path)])
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(": ")[2] for line in lines] == [
        "converted to safetensors",
        "is converted already",
    ]


def test_code_is_not_run(tmp_path: Path):
    torch.save({"a": Harmful(tmp_path / "harm")}, tmp_path / "pytorch_model.bin")
    with pytest.raises(Refused, match="holds more than tensors"):
        convert(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["pytorch_model.bin"]


@pytest.mark.parametrize("value", [[1, 2], {"a": 1}])
def test_anything_but_tensors_is_refused(tmp_path: Path, value: object):
    torch.save(value, tmp_path / "pytorch_model.bin")
    with pytest.raises(SystemExit, match=r"pytorch_model\.bin holds something else"):
        main([str(tmp_path)])


def test_an_empty_folder_and_a_cut_file_are_named(tmp_path: Path, tensors: Tensors):
    with pytest.raises(Refused, match="has no pytorch_model"):
        convert(tmp_path)
    save(tmp_path, tensors, shards=1)
    (source,) = tmp_path.iterdir()
    source.write_bytes(source.read_bytes()[:-100])
    with pytest.raises(Refused, match="is damaged"):
        convert(tmp_path)


@pytest.mark.parametrize("whole", [True, False])
def test_in_a_hub_cache_a_file_must_be_what_its_name_says(
    tmp_path: Path, tensors: Tensors, whole: bool
):
    folder, blobs = tmp_path / "snapshot", tmp_path / "blobs"
    folder.mkdir()
    blobs.mkdir()
    torch.save(tensors, blobs / "file")
    digest = hashlib.sha256((blobs / "file").read_bytes()).hexdigest()
    blob = (blobs / "file").rename(blobs / (digest if whole else "0" * 64))
    (folder / "pytorch_model.bin").symlink_to(blob)
    if whole:
        assert convert(folder)
        return
    with pytest.raises(Refused, match="fetch it again"):
        convert(folder)
    assert not (folder / INDEX).exists()
