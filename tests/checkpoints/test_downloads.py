"""What is fetched of every served repository: what is loaded, and no more."""

from collections.abc import Iterator

import pytest
from huggingface_hub.utils import filter_repo_objects

from common.base.settings import Settings
from common.contract import Variant
from common.contract.hub import is_commit
from common.kinds.video import VIDEO_KIND
from common.runtime.live_weights import Naming, is_component, naming_of
from scripts.checkpoints import patterns_of
from tests.checkpoints.cases import Case, cases
from tests.checkpoints.listing import Listing, listing

CASES = {case.name: case for case in cases(adapters=True)}
GB = 10**9
BYTES = (
    *("total_bytes", "bytes_if_rest_is_bf16", "bytes_if_f32"),
    *("bytes_if_bf16", "bytes_if_f16", "tensors"),
)
"""Where a listing says how large a set is; of CLIP it does not know (1.3 GB in bfloat16)."""


def fetched(paths: Iterator[str] | list[str], variant: Variant) -> set[str]:
    """As ``hf download`` chooses, given what scripts/download_models.sh makes of the patterns."""
    patterns = patterns_of(variant)
    return set(
        filter_repo_objects(
            paths,
            allow_patterns=[pattern for pattern in patterns if pattern[0] != "!"],
            ignore_patterns=[pattern[1:] for pattern in patterns if pattern[0] == "!"],
        )
    )


def needed(known: Listing, variant: Variant) -> set[str]:
    """By the index: a component's small files, and its weights in its library's names."""
    if variant.subfolder:
        folders = (variant.subfolder, *variant.shared_folders)
        return {path for path in known.files if path.startswith(tuple(f"{x}/" for x in folders))}
    parts = {name: entry[0] for name, entry in known.index.items() if is_component(entry)}
    found = {"model_index.json"}
    if variant.extra and variant.extra.repository == variant.checkpoint:
        found |= set(variant.extra.files)
    for path in known.files:
        folder, _, file = path.partition("/")
        is_weight = file.startswith(tuple(Naming))
        if folder in parts and (not is_weight or stem(file) == naming_of(parts[folder])):
            found.add(path)
    return found


def stem(file: str) -> str:
    return file.partition(".")[0].partition("-0")[0]


def size_of(known: Listing, paths: set[str]) -> int:
    """Bytes of small files as far as they are known, and of the tensors of every set of weights."""
    total = sum(known.files[path] or 0 for path in paths if "safetensors" not in path)
    for name, weights in known.weights.items():
        folder, index = f"{known.folder_of(name)}/", weights["index"]
        start = folder + (stem(index) if index else "")
        if name in paths or any(path.startswith(start) for path in paths):
            total += next(weights[key] for key in BYTES if weights.get(key))
    return total


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    return CASES[request.param]


def test_what_is_loaded_is_fetched_and_nothing_else(case: Case):
    known = listing(case.variant.checkpoint)
    chosen = fetched(list(known.files), case.variant)
    assert chosen == needed(known, case.variant)
    print(f"{case.name}: {len(chosen)} files, {size_of(known, chosen) / GB:.1f} GB")


def test_any_number_of_shards_will_do(case: Case):
    known, other = listing(case.variant.checkpoint), {}
    for path in needed(known, case.variant):
        front, cut, _ = path.partition("-of-0")
        other[path] = f"{front}-of-00099.safetensors" if cut else path
    assert fetched(list(other.values()), case.variant) == set(other.values())


def test_the_stale_text_encoder_stays_and_without_two_stages_the_upsampler_does_too():
    known = listing("Lightricks/LTX-2")
    variant = VIDEO_KIND.bounded(CASES["ltx2:Lightricks/LTX-2"].variant, Settings(two_stages=False))
    left = {path for path in known.files if "/" in path} - fetched(list(known.files), variant)
    assert len([path for path in left if path.startswith("text_encoder/diffusion_")]) == 13
    assert {path.partition("/")[0] for path in left} == {"text_encoder", "latent_upsampler"}
    stale = known.weights["text_encoder (stale)"]["total_bytes"]
    saved = stale + known.weights["latent_upsampler"]["total_bytes"]
    print(f"{saved / GB:.1f} GB less than all folders")
    assert saved > 52 * GB


def test_magi_1_is_a_tenth_of_its_repository():
    known = listing("sand-ai/MAGI-1")
    chosen = fetched(list(known.files), CASES["magi1:sand-ai/MAGI-1#4.5B_distill"].variant)
    assert size_of(known, chosen) < 35 * GB
    assert not [path for path in chosen if "24B" in path or "base" in path]


def test_an_adapter_is_a_file_or_two_of_its_repository(case: Case):
    adapter = case.variant.adapter
    if adapter is not None:
        assert set(adapter.files) <= set(listing(adapter.repository).files)


def test_what_a_second_stage_takes_is_listed_with_its_bytes(case: Case):
    extra = case.variant.extra
    if extra is None:
        return
    known = listing(extra.repository)
    assert set(extra.files) <= set(known.files)
    weights = [path for path in extra.files if path.endswith(".safetensors")]
    named = [path if path in known.weights else path.partition("/")[0] for path in weights]
    total = sum(known.weights[name]["total_bytes"] for name in named)
    assert extra.size_bytes == pytest.approx(total, abs=100)
    assert extra.revision == (known.revision or "main")


def test_revisions_are_the_commits_that_the_listings_are_of(case: Case):
    variant = case.variant
    assert variant.revision == (listing(variant.checkpoint).revision or "main")
    if variant.adapter:
        known = listing(variant.adapter.repository).revision
        assert variant.adapter.revision == (known or "main")
        assert known is None or is_commit(known)
