"""A checkpoint in CTranslate2's layout that is not whole: which file, and what brings it."""

import json
from pathlib import Path

import pytest

from common.base.errors import CheckpointError
from common.contract.hub import locate
from studio.listening.faster import FILES, FasterWhisper
from tests import speech


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """Tiny.en, whose files may be changed."""
    found = locate(tmp_path, speech.tiny_en(tmp_path)).path
    for name in ("config.json", "tokenizer.json"):
        data = (found / name).read_bytes()
        (found / name).unlink()
        (found / name).write_bytes(data)
    return found


def test_what_is_missing_is_named_before_anything_is_asked_for_elsewhere(checkpoint: Path) -> None:
    for name in FILES:
        (checkpoint / name).rename(checkpoint / "away")
        with pytest.raises(CheckpointError, match=rf"incomplete: {name} is missing") as exc:
            FasterWhisper.load(checkpoint)
        assert exc.value.body.hint == (
            "Run: scripts/download_models.sh Systran/faster-whisper-tiny.en"
        )
        (checkpoint / "away").rename(checkpoint / name)


def test_a_file_that_is_cut_short_is_damage(checkpoint: Path) -> None:
    whole = (checkpoint / "model.bin").resolve()
    (checkpoint / "model.bin").unlink()
    with whole.open("rb") as file:
        (checkpoint / "model.bin").write_bytes(file.read(2**20))
    with pytest.raises(CheckpointError, match="damaged: one of its files"):
        FasterWhisper.load(checkpoint)


def test_a_checkpoint_of_more_bands_needs_to_say_so(checkpoint: Path) -> None:
    """Here one that says so, and has them not: the two must agree."""
    (checkpoint / "preprocessor_config.json").write_text(json.dumps({"feature_size": 128}))
    with pytest.raises(CheckpointError, match=r"preprocessor_config\.json"):
        FasterWhisper.load(checkpoint)
