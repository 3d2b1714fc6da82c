"""Pinned commits: what is looked for on disk, what is said of it, and what a hint tells to run."""

from dataclasses import replace
from pathlib import Path

import pytest

from common.base.errors import CheckpointError
from common.contract import Variant
from common.contract.hub import locate, revision_notes
from common.runtime.weights import damaged, missing, refused
from ltx2.model_config import DISTILLED, LTX_2_0
from magi1.model_config import VARIANTS
from tests.checkpoints.replica import snapshot_folder
from wan21.model_config import T2V_14B_4STEP

COMMIT, OTHER = LTX_2_0.revision, "c" * 40


def downloaded(models_dir: Path, revision: str) -> Path:
    folder = snapshot_folder(models_dir, LTX_2_0.checkpoint, revision)
    folder.mkdir(parents=True)
    return folder


def note(models_dir: Path) -> str:
    (only,) = revision_notes(models_dir, LTX_2_0)
    return only


def test_the_pinned_commit_is_taken(tmp_path: Path):
    downloaded(tmp_path, "main")
    pinned = downloaded(tmp_path, COMMIT)
    found = locate(tmp_path, LTX_2_0)
    assert (found.path, found.revision) == (pinned, COMMIT)
    assert note(tmp_path) == f"Lightricks/LTX-2: pinned to the commit {COMMIT}."


def test_what_was_downloaded_as_main_keeps_working_and_is_told(tmp_path: Path):
    earlier = downloaded(tmp_path, "main")
    found = locate(tmp_path, LTX_2_0)
    assert (found.path, found.revision) == (earlier, earlier.name)
    assert "another is on disk and used" in note(tmp_path)
    assert "Run: scripts/download_models.sh Lightricks/LTX-2;" in note(tmp_path)


def test_main_that_is_the_pinned_commit_is_no_other(tmp_path: Path):
    pinned = downloaded(tmp_path, COMMIT)
    refs = pinned.parents[1] / "refs"
    refs.mkdir()
    (refs / "main").write_text(OTHER)
    assert locate(tmp_path, LTX_2_0).revision == COMMIT
    (refs / "main").write_text(COMMIT)
    assert note(tmp_path).endswith(f"pinned to the commit {COMMIT}.")


def test_a_branch_is_said_to_move(tmp_path: Path):
    assert DISTILLED.revision == "main"
    (said,) = revision_notes(tmp_path, DISTILLED)
    assert said.startswith("rootonchair/LTX-2-19b-distilled: main is a branch and may move")


def test_an_adapters_repository_is_told_too(tmp_path: Path):
    base, adapter = revision_notes(tmp_path, T2V_14B_4STEP)
    assert T2V_14B_4STEP.revision in base
    assert adapter.startswith("lightx2v/Wan2.1-Distill-Loras: pinned to the commit 27ae38d")


@pytest.mark.parametrize("variant", [LTX_2_0, DISTILLED, T2V_14B_4STEP, *VARIANTS])
def test_what_is_not_there_names_the_one_command_that_brings_it(tmp_path: Path, variant: Variant):
    with pytest.raises(CheckpointError) as caught:
        locate(tmp_path, variant)
    hint = str(caught.value.body.hint)
    assert hint == f"Run: scripts/download_models.sh {variant.checkpoint}"
    if variant.adapter:
        base = replace(variant, adapter=None)
        snapshot_folder(tmp_path, base.checkpoint, base.revision).mkdir(parents=True)
        with pytest.raises(CheckpointError) as caught:
            locate(tmp_path, variant)
        assert str(caught.value.body.hint).endswith(f".sh {variant.adapter.repository}")


def test_a_hint_says_to_fetch_only_where_that_helps(tmp_path: Path):
    snapshot = downloaded(tmp_path, COMMIT)
    command = "scripts/download_models.sh Lightricks/LTX-2"
    assert missing(snapshot, "x is missing").body.hint == f"Run: {command}"
    repair = str(damaged(snapshot, "x is cut short").body.hint)
    assert repair.startswith("Delete the file")
    assert repair.endswith(command)
    assert "cannot help" in str(refused(snapshot, "it is another model").body.hint)
    assert command not in str(refused(snapshot, "it is another model").body.hint)
