"""An edit takes the frames that it was told to, and the sound that belongs to them."""

from pathlib import Path

import pytest

from studio.operations.edit.task import Clip, Cut, Edit
from studio.rendering.ffmpeg import Feed, Recipe, render
from tests.cutting import clicks, made, numbered, numbers, tools
from tests.films import ffmpeg
from tests.unit.media.ffprobe import packet_hashes, probe, stream


@pytest.mark.parametrize("rate", ["25", "30000/1001", "24000/1001", "60"])
def test_cuts_are_exact_and_sound_stays_in_step(tmp_path: Path, rate: str) -> None:
    """Ten clicks in eight seconds and more; of those that stay each is where its frame is."""
    fps = eval(rate)  # noqa: S307
    said = list(range(7, 240, 24))
    film = numbered(tmp_path / "a.mkv", 240, rate, said)
    cuts = ((12, 20), (60, 61), (90, 123), (200, 229))
    cut = tuple(Cut(start=start / fps, end=end / fps) for start, end in cuts)
    file, done, planned = made(Edit(clips=(Clip(cut=cut),)), tmp_path / "made", video=film)
    kept = [n for n in range(240) if not any(start <= n < end for start, end in cuts)]
    assert numbers(file) == kept
    assert clicks(file, rate) == pytest.approx([kept.index(n) for n in said if n in kept], abs=0.15)
    assert stream(probe(file), "video")["avg_frame_rate"] == (rate if "/" in rate else f"{rate}/1")
    assert done.report["frames"] == len(kept) == planned.plan.seconds * fps
    assert done.report["copied"] is False


def test_clips_come_in_their_order_from_where_they_lie(tmp_path: Path) -> None:
    """Read from near where they begin: an input each, and one frame is one frame."""
    film = numbered(tmp_path / "a.mkv", 200, "25", (40, 90, 150), "-g", 30)
    spans = ((140, 160), (30, 50), (80, 81), (85, 95))
    parts = tuple(Clip(start=start / 25, end=end / 25) for start, end in spans)
    file, _, _ = made(Edit(clips=parts), tmp_path / "made", video=film)
    assert numbers(file) == [n for start, end in spans for n in range(start, end)]
    assert clicks(file) == pytest.approx([10, 30, 46], abs=0.5)


def test_many_cuts_do_not_drift(tmp_path: Path) -> None:
    """Every third frame goes, three hundred times, at a rate without whole samples."""
    rate, fps = "30000/1001", 30000 / 1001
    film = numbered(tmp_path / "a.mkv", 900, rate, (1, 451, 898))
    cut = tuple(Cut(start=n / fps, end=(n + 1) / fps) for n in range(2, 900, 3))
    file, _, _ = made(Edit(clips=(Clip(cut=cut),)), tmp_path / "made", video=film)
    kept = [n for n in range(900) if n % 3 != 2]
    assert numbers(file) == kept
    assert clicks(file, rate) == pytest.approx([kept.index(n) for n in (1, 451, 898)], abs=0.15)


def test_a_graph_may_be_longer_than_an_argument(tmp_path: Path) -> None:
    film = numbered(tmp_path / "a.mkv", 10)
    graph = f"[0:V:0]null{' ' * 200_000}[film]"
    output = ("-map", "[film]", "-c:v", "libx264", "-f", "mp4")
    recipe = Recipe([Feed(film)], graph, output, "b.mp4", 0.4)
    render(recipe, tools(tmp_path, {}, {}))
    assert numbers(tmp_path / recipe.name) == list(range(10))


def test_faster_and_slower(tmp_path: Path) -> None:
    film = numbered(tmp_path / "a.mkv", 100, "25", (50,), lasting=0.4)
    parts = (Clip(speed=2), Clip(speed=0.4))
    file, _, _ = made(Edit(clips=parts), tmp_path / "made", video=film)
    shown = numbers(file)
    assert len(shown) == 50 + 250
    assert shown[:50] == pytest.approx(range(0, 100, 2), abs=1)
    assert shown[50:] == pytest.approx([n * 0.4 for n in range(250)], abs=1)
    assert clicks(file)[0] == pytest.approx(25, abs=1)
    assert clicks(file)[1] == pytest.approx(50 + 125, abs=2)


def test_a_rate_that_varies_is_made_constant_first(tmp_path: Path) -> None:
    """Frames from 30 to 60 are missing: 29 is shown all the while."""
    steady = numbered(tmp_path / "a.mkv", 100, "25", (70,))
    film = tmp_path / "b.mkv"
    select = "select='lt(n,30)+gt(n,60)'"
    encoder = ["-fps_mode", "vfr", "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "copy"]
    ffmpeg("-i", steady, "-vf", select, *encoder, film)
    task = Edit(fps=25, clips=(Clip(start=50 / 25, end=80 / 25),))
    file, _, _ = made(task, tmp_path / "made", video=film)
    assert numbers(file) == [29] * 11 + list(range(61, 80))
    assert clicks(file) == pytest.approx([20], abs=0.5)


def test_all_of_a_film_with_nothing_to_draw_is_copied(tmp_path: Path) -> None:
    film = numbered(tmp_path / "a.mp4", 50, "25", (10,), "-c:a", "aac", "-ac", 2)
    file, done, _ = made(Edit(), tmp_path / "made", video=film)
    loud, again, _ = made(Edit(loudness=-20), tmp_path / "loud", video=film)
    assert packet_hashes(file) == packet_hashes(loud) == packet_hashes(film)
    assert done.report["copied"] is again.report["copied"] is True
    assert "gain_db" in again.report
    assert clicks(file) == pytest.approx([10], abs=0.5)
