"""The arithmetic and the wording of the scripts; the demo itself runs on its own."""

from typing import Any

import numpy as np
import pytest

from scripts.bench.health import by_phase
from scripts.bench.magi1 import checked, compare, in_full_window
from scripts.bench.report import Figure, Goal, Report, percentile, table
from scripts.narration import SCENES, SLOT_SECONDS, SPOKEN, captions
from scripts.playback import Played, difference
from scripts.progress import line_of
from scripts.service_process import clean_environment, port_for
from scripts.services import MODELS
from studio.captions.reading import read_captions
from tests.unit.media.ffprobe import decode_audio

HERTZ = 16_000

RESOLVED = {"width": 64, "height": 48, "fps": 8, "num_frames": 16, "generate_audio": True}


@pytest.mark.parametrize(("percent", "value"), [(0, 1), (50, 50), (99, 99), (100, 100)])
def test_a_percentile_is_the_nearest_rank(percent: float, value: float):
    assert percentile(list(range(100, 0, -1)), percent) == value


def test_the_percentile_of_few_values_is_one_of_them():
    assert percentile([3, 1, 2], 99) == 3


def test_a_goal_is_met_at_its_bound():
    assert Goal(10).met_by(10)
    assert not Goal(400, "least").met_by(399.9)


def test_a_table_says_what_falls_short():
    text = table([Figure("submit", "p50", 4.0, "ms", Goal(3)), Figure("submit", "max", 9.0, "ms")])
    assert "4 ms  <= 3  short" in text


def test_of_a_chunked_video_only_a_full_window_counts():
    assert in_full_window([9, 1, 2, 8, 8, 8]) == [1, 2]
    assert in_full_window([9, 8, 8, 8]) == []


def video(chunks: int, growth: int) -> dict[str, Any]:
    return {"loaded": 1000, "peaks": [1100 + growth * chunk for chunk in range(chunks)]}


@pytest.mark.parametrize(("growth", "met"), [(0, True), (1, False)])
def test_memory_that_grows_with_the_length_falls_short(growth: int, met: bool):
    report = Report("magi1")
    compare(report, {length: video(length, growth) for length in (4, 16, 64)})
    assert [figure.verdict == "ok" for figure in report.figures] == [met, met]
    assert report.goals_met == met


@pytest.mark.parametrize("lengths", [[64], [4, 64], [5, 15]])
def test_lengths_that_would_leave_a_goal_unmeasured_are_refused(lengths: list[int]):
    with pytest.raises(SystemExit, match="compares nothing"):
        checked(lengths)


def test_lengths_are_put_in_order():
    assert checked([64, 4, 16]) == [4, 16, 64]


def test_answers_belong_to_the_phase_they_were_asked_in():
    changes = [(0.0, "loading"), (1.0, "denoising"), (2.0, "ended")]
    beats = [(0.5, 0.001), (0.999, 0.9), (1.0, 0.002), (2.5, 0.003)]
    found = by_phase(changes, beats)
    assert found == {"loading": [0.001, 0.9], "denoising": [0.002], "ended": [0.003]}


@pytest.mark.parametrize(
    ("played", "words"),
    [
        (Played(64, 48, 8, 16, 2.02), None),
        (Played(64, 48, 8, 15, 2.0), "15 frames"),
        (Played(64, 48, 8, 16, None), "missing"),
        (Played(64, 48, 8, 16, 1.5), "1.50 s"),
    ],
)
def test_a_file_is_compared_with_its_job(played: Played, words: str | None):
    found = difference(played, RESOLVED)
    assert (found is None) if words is None else (found is not None and words in found)


def test_a_running_job_shows_where_it_is():
    progress = {"phase": "denoising", "step": 3, "steps": 8, "percent": 50.0, "seconds_left": 4.2}
    job: dict[str, Any] = {"state": "running", "started_at": None, "progress": progress}
    assert line_of("ltx2", job).endswith(" 50%    0.0 s  denoising 3/8, 4 s left")


def test_a_service_of_ours_inherits_no_setting(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://real/jobs")
    monkeypatch.setenv(f"{MODELS[0].upper()}_OUTPUTS_DIR", "/real")
    monkeypatch.setenv("TOY_LOAD_SECONDS", "1")
    environment = clean_environment()
    assert "postgresql://real/jobs" not in environment.values()
    assert "/real" not in environment.values()
    assert environment["TOY_LOAD_SECONDS"] == "1"


def test_how_this_machine_computes_is_inherited(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COMPUTE_DTYPE", "float32")
    assert clean_environment()["COMPUTE_DTYPE"] == "float32"


def test_a_taken_port_is_replaced():
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert port_for(port) not in (0, port)


def test_the_narrations_captions_are_seen_while_they_are_spoken():
    cues = read_captions(captions().encode()).cues
    assert [cue.text for cue in cues] == list(SCENES)
    assert [(cue.start, cue.end) for cue in cues] == [(0.25, 2.5), (2.75, 5.0), (5.25, 7.5)]
    samples = np.abs(decode_audio(SPOKEN, 1)).ravel()
    assert len(samples) / HERTZ == pytest.approx(len(SCENES) * SLOT_SECONDS, abs=0.1)
    for cue in cues:
        begin, end = int(cue.start * HERTZ), int(cue.end * HERTZ)
        assert samples[begin:end].max() > 0.1
        assert samples[begin - HERTZ // 10 : begin].max() < 0.01, "the pause before it"
