"""Which files are a component's weights: the rule, on repositories that are served and others.

Of some only the names of files are known: empty files stand for them, and an index for what it
lists.
"""

import json
from pathlib import Path

import pytest

from common.base.errors import CheckpointError
from common.runtime.live_weights import (
    Naming,
    count_elements,
    is_component,
    live_weights,
    naming_of,
    parameter_count,
)
from common.runtime.safetensors_format import make_header
from tests.checkpoints.listing import Listing, listing
from tests.checkpoints.replica import stored_tensors, write_weights

DIFFUSERS, TRANSFORMERS = Naming.DIFFUSERS, Naming.TRANSFORMERS
SDXL = "stabilityai/stable-diffusion-xl-base-1.0"


def lay_out(folder: Path, paths: list[str]) -> Path:
    """Empty files, and an index of every family of shards but those that share one."""
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).touch()
    return folder


def write_index(folder: Path, naming: Naming, shards: list[str]) -> None:
    text = json.dumps({"weight_map": {f"tensor.{at}": name for at, name in enumerate(shards)}})
    (folder / naming.shard_index).write_text(text)


def names(folder: Path, naming: Naming) -> list[str]:
    return [path.name for path in live_weights(folder, naming).paths]


def shards_in(known: Listing, start: str, count: int) -> list[str]:
    end = f"-of-{count:05}.safetensors"
    return [path for path in known.files if path.startswith(start) and path.endswith(end)]


@pytest.mark.parametrize("count", [4, 8])
def test_of_two_splits_under_one_index_what_the_index_lists(tmp_path: Path, count: int):
    known = listing("Lightricks/LTX-2.5-Diffusers")
    paths = [path for path in known.files if path.startswith("transformer/")]
    folder = lay_out(tmp_path, paths) / "transformer"
    listed = [path.rpartition("/")[2] for path in shards_in(known, "transformer/", count)]
    write_index(folder, DIFFUSERS, listed)
    assert names(folder, DIFFUSERS) == listed
    assert len(listed) == count


@pytest.mark.parametrize("repository", ["Lightricks/LTX-2", "rootonchair/LTX-2-19b-distilled"])
def test_of_two_sets_with_an_index_each_the_librarys_own(tmp_path: Path, repository: str):
    known = listing(repository)
    for name in ("text_encoder", "text_encoder (stale)"):
        write_weights(tmp_path, known, name, stored_tensors(known, name))
    folder = tmp_path / "text_encoder"
    library = naming_of(known.index["text_encoder"][0])
    assert {name.partition("-0")[0] for name in names(folder, library)} == {"model"}
    assert len(names(folder, library)) == 11
    (tmp_path / "model_index.json").write_text(json.dumps({"text_encoder": ["transformers", "X"]}))
    live, stale = (
        sum(tensor.elements for tensor in stored_tensors(known, name))
        for name in ("text_encoder", "text_encoder (stale)")
    )
    assert parameter_count(tmp_path) == live
    print(f"{repository}: {live / 1e9:.1f} billion counted, not {(live + stale) / 1e9:.1f}")


def test_float16_beside_float32_is_left_alone(tmp_path: Path):
    known = listing(SDXL)
    lay_out(tmp_path, [path for path in known.files if "/" in path])
    for name, (library, _) in ((n, e) for n, e in known.index.items() if is_component(e)):
        if any(path.startswith(f"{name}/") and "safetensors" in path for path in known.files):
            naming = naming_of(library)
            assert names(tmp_path / name, naming) == [naming.single]


def test_weights_at_the_root_of_a_repository_are_found(tmp_path: Path):
    for repository in ("diffusers/controlnet-canny-sdxl-1.0", "xinsir/controlnet-union-sdxl-1.0"):
        folder = lay_out(tmp_path / repository, list(listing(repository).files))
        assert names(folder, DIFFUSERS) == [DIFFUSERS.single]


@pytest.mark.parametrize(
    ("repository", "component", "count"),
    [
        ("Qwen/Qwen-Image", "transformer", 9),
        ("Qwen/Qwen-Image", "text_encoder", 4),
        ("Tongyi-MAI/Z-Image-Turbo", "transformer", 3),
        ("Tongyi-MAI/Z-Image-Turbo", "text_encoder", 3),
        ("hunyuanvideo-community/HunyuanVideo", "text_encoder", 4),
        ("Wan-AI/Wan2.2-T2V-A14B-Diffusers", "transformer_2", 12),
    ],
)
def test_shards_are_those_of_the_index(tmp_path: Path, repository: str, component: str, count: int):
    known = listing(repository)
    listed = [path.rpartition("/")[2] for path in shards_in(known, f"{component}/", count)]
    assert len(listed) == count
    folder = lay_out(tmp_path, [path for path in known.files if "/" in path]) / component
    naming = naming_of(known.index[component][0])
    write_index(folder, naming, listed)
    assert names(folder, naming) == listed


def test_each_library_has_an_order_of_its_own(tmp_path: Path):
    """``_get_model_file`` of diffusers, ``_get_resolved_checkpoint_files`` of transformers."""
    for naming in Naming:
        write_index(tmp_path, naming, [f"{naming}-00001-of-00001.safetensors"])
        (tmp_path / naming.single).touch()
    assert names(tmp_path, DIFFUSERS) == ["diffusion_pytorch_model-00001-of-00001.safetensors"]
    assert names(tmp_path, TRANSFORMERS) == ["model.safetensors"]


def test_parts_that_a_checkpoint_does_without_are_no_components():
    index = listing("Wan-AI/Wan2.2-TI2V-5B-Diffusers").index
    assert index["transformer_2"] == [None, None]
    assert not is_component(index["transformer_2"])
    assert not is_component(index["boundary_ratio"])
    assert not is_component(index["expand_timesteps"])
    assert is_component(index["transformer"])


def write_tensors(path: Path, count: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    header = make_header([("a.weight", "F32", (count,), 4 * count), ("a.scale", "F32", (1,), 4)])
    path.write_bytes(header + bytes(4 * count + 4))


def test_only_what_the_index_names_is_counted(tmp_path: Path):
    index = {"vae": ["diffusers", "X"], "text_encoder": ["transformers", "X"], "none": [None, None]}
    (tmp_path / "model_index.json").write_text(json.dumps({"_class_name": "P", **index}))
    write_tensors(tmp_path / "vae" / DIFFUSERS.single, 10)
    write_tensors(tmp_path / "vae" / "diffusion_pytorch_model.fp16.safetensors", 100)
    write_tensors(tmp_path / "vae" / TRANSFORMERS.single, 1000)
    write_tensors(tmp_path / "text_encoder" / TRANSFORMERS.single, 20)
    write_tensors(tmp_path / "text_encoder" / DIFFUSERS.single, 2000)
    write_tensors(tmp_path / "latent_upsampler" / DIFFUSERS.single, 5000)
    assert parameter_count(tmp_path) == 11 + 21
    assert parameter_count(tmp_path, ["vae"]) == 11
    assert count_elements(tmp_path / "vae", DIFFUSERS, without=("scale",)) == 10


def test_a_missing_shard_is_named_with_what_brings_it(tmp_path: Path):
    write_index(tmp_path, DIFFUSERS, ["diffusion_pytorch_model-00001-of-00001.safetensors"])
    with pytest.raises(CheckpointError, match=r"00001-of-00001\.safetensors is missing") as refused:
        count_elements(tmp_path, DIFFUSERS)
    assert str(refused.value.body.hint).startswith("Run: scripts/download_models.sh ")
