"""What a service could not carry out before it ended."""

from pathlib import Path

from common.worker.supervision.owed import keep_owed, take_owed
from common.worker.supervision.watch import Verdict


def test_a_verdict_is_kept_for_the_next_start_and_for_no_other(tmp_path: Path):
    path = tmp_path / "owed.json"
    keep_owed(path, Verdict("it had to leave", blame=False))
    assert take_owed(path) == Verdict("it had to leave", blame=False)
    assert take_owed(path) is None


def test_nothing_is_owed_mostly_and_a_damaged_note_is_nothing(tmp_path: Path):
    path = tmp_path / "owed.json"
    keep_owed(path, None)
    assert not path.exists()
    for text in ("{", "[]", '{"reason": "x"}', "7"):
        path.write_text(text)
        assert take_owed(path) is None
