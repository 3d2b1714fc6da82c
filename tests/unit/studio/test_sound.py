"""Another sound for a video: how long it is heard, how loud, and what becomes of the picture."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from common.base.errors import Unresolvable
from studio.operations.sound import AddAudio, resolve
from studio.rendering.loudness import Measured, gain_to, measured_in
from studio.sources import Facts, Form
from tests.cutting import made, said
from tests.films import ffmpeg, film, odd
from tests.unit.media.ffprobe import decode_audio, decode_rgb, packet_hashes, probe, stream

RATE = 48000
VIDEO = Facts(
    form=Form.VIDEO, format="mp4", seconds=10, width=160, height=120, fps=24, codec="h264"
)
MUSIC = Facts(form=Form.AUDIO, format="wav", seconds=4, has_sound=True)


def tone(path: Path, seconds: float, *options: object, hertz: int = 880) -> Path:
    ffmpeg("-f", "lavfi", "-i", f"sine=frequency={hertz}:duration={seconds}", *options, path)
    return path


def loud(path: Path) -> NDArray[np.float32]:
    """The peak of each tenth of a second."""
    sound = np.abs(decode_audio(path, 2)).max(axis=1)
    tenth = RATE // 10
    return sound[: len(sound) // tenth * tenth].reshape(-1, tenth).max(axis=1)


@pytest.mark.parametrize("container", ["mp4", "webm"])
def test_the_picture_is_copied_bit_by_bit(tmp_path: Path, container: str) -> None:
    codec = ("-c:v", "libvpx-vp9", "-cpu-used", 8) if container == "webm" else ("-bf", 2)
    video = film(tmp_path / f"a.{container}", 24, 24, "160x120", *codec)
    file, done, _ = made(
        AddAudio(), tmp_path / "made", video=video, audio=tone(tmp_path / "a.wav", 0.4)
    )
    assert packet_hashes(file) == packet_hashes(video)
    assert done.report == {"padded_seconds": 0.6, "cut_seconds": 0.0}


def test_a_picture_that_no_mp4_holds_is_encoded_anew_and_that_is_said(tmp_path: Path) -> None:
    video = film(tmp_path / "a.webm", 12, 24, "160x120", "-c:v", "libvpx", "-cpu-used", 8)
    files = {"video": video, "audio": tone(tmp_path / "a.wav", 1)}
    file, _, planned = made(AddAudio(), tmp_path / "made", **files)
    assert stream(probe(file), "video")["codec_name"] == "h264"
    assert stream(probe(file), "video")["nb_read_frames"] == "12"
    assert said(planned) == {"video": "encoded anew"}


def test_a_picture_with_odd_sides_loses_a_line_where_it_is_encoded_anew(tmp_path: Path) -> None:
    files = {"audio": tone(tmp_path / "a.wav", 0.5)}
    vp9 = odd(tmp_path / "9.webm", "-c:v", "libvpx-vp9", "-cpu-used", 8)
    copied, _, planned = made(AddAudio(), tmp_path / "copied", video=vp9, **files)
    assert packet_hashes(copied) == packet_hashes(vp9)
    assert (planned.plan.width, planned.plan.height, said(planned)) == (161, 121, {})
    vp8 = odd(tmp_path / "8.webm", "-c:v", "libvpx", "-cpu-used", 8)
    file, _, planned = made(AddAudio(), tmp_path / "made", video=vp8, **files)
    assert (planned.plan.width, planned.plan.height) == (160, 120)
    assert said(planned) == {"video": "encoded anew", "video.size": "160x120"}
    assert decode_rgb(file, 160, 120)[..., 0].min() > 200, "nothing else is lost"


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("mono.wav", ("-ar", 8000, "-ac", 1)),
        ("phone.wav", ("-ar", 8000, "-c:a", "pcm_mulaw")),
        ("around.flac", ("-ac", 6, "-ar", 44100)),
        (
            "song.mp3",
            (
                "-ac",
                2,
            ),
        ),
    ],
)
def test_any_sound_is_heard_in_stereo_as_long_as_the_video(
    tmp_path: Path, name: str, options: tuple[object, ...]
) -> None:
    files = {"video": film(tmp_path / "a.mp4"), "audio": tone(tmp_path / name, 4, *options)}
    file, done, _ = made(AddAudio(), tmp_path / "made", **files)
    sound = stream(probe(file), "audio")
    assert (sound["codec_name"], sound["channels"], sound["sample_rate"]) == ("aac", 2, "48000")
    assert len(decode_audio(file, 2)) == pytest.approx(1.5 * RATE, abs=1024)
    assert done.report["cut_seconds"] == pytest.approx(2.5, abs=0.06)


def test_short_sound_begins_again_or_leaves_silence(tmp_path: Path) -> None:
    files = {"video": film(tmp_path / "a.mp4", 48), "audio": tone(tmp_path / "a.wav", 0.5)}
    once, _, _ = made(AddAudio(), tmp_path / "once", **files)
    looped, done, _ = made(AddAudio(fit="loop"), tmp_path / "looped", **files)
    assert loud(once)[:4].min() > 0.05
    assert loud(once)[7:].max() < 0.01
    assert loud(looped).min() > 0.05
    assert done.report["plays"] == 4


def test_gain_and_fades(tmp_path: Path) -> None:
    files = {"video": film(tmp_path / "a.mp4", 48), "audio": tone(tmp_path / "a.wav", 3)}
    plain, _, _ = made(AddAudio(), tmp_path / "plain", **files)
    task = AddAudio(gain=6, fade_in=0.5, fade_out=0.5)
    file, _, _ = made(task, tmp_path / "made", **files)
    level = loud(plain)[10]
    assert loud(file)[10] == pytest.approx(2 * level, rel=0.1)
    assert loud(file)[0] < level
    assert loud(file)[-1] < level


def test_mixed_sound_keeps_the_videos_own_and_goes_down_under_it(tmp_path: Path) -> None:
    """Someone speaks from 1 s to 2 s, as loud as people do."""
    spoken = tmp_path / "spoken.wav"
    tone(spoken, 3, "-af", "volume=2.8,volume=0:enable='not(between(t,1,2))'", hertz=400)
    video = tmp_path / "a.mp4"
    ffmpeg("-i", film(tmp_path / "mute.mp4", 72), "-i", spoken, "-c:v", "copy", video)
    files = {"video": video, "audio": tone(tmp_path / "music.wav", 3, hertz=3000)}
    mixed, _, _ = made(AddAudio(mode="mix"), tmp_path / "mixed", **files)
    ducked, _, _ = made(AddAudio(mode="mix", duck=True), tmp_path / "ducked", **files)
    before, during, after = music(mixed)
    assert during == pytest.approx(before, rel=0.1)
    assert after == pytest.approx(before, rel=0.1)
    ducked_before, ducked_during, ducked_after = music(ducked)
    assert ducked_before == pytest.approx(before, rel=0.1)
    assert ducked_during < 0.4 * before
    assert ducked_after > 0.8 * before
    assert loud(ducked)[15] > 0.2, "who speaks is heard as before"


def music(path: Path) -> list[float]:
    """How loud 3 kHz is in the first, the second and the third second, away from their ends."""
    sound = decode_audio(path, 2)[:, 0]
    ends = [(0.3, 0.9), (1.3, 1.9), (2.6, 2.95)]
    parts = [sound[int(a * RATE) : int(b * RATE)] for a, b in ends]
    wave = np.exp(-2j * np.pi * 3000 * np.arange(RATE) / RATE)
    return [float(np.abs((part * wave[: len(part)]).mean())) for part in parts]


def test_loudness_is_what_was_asked(tmp_path: Path) -> None:
    files = {"video": film(tmp_path / "a.mp4", 96), "audio": tone(tmp_path / "a.wav", 4)}
    _, done, _ = made(AddAudio(loudness=-16), tmp_path / "made", **files)
    files["audio"] = tmp_path / "made" / "video.mp4"
    _, again, _ = made(AddAudio(loudness=-16), tmp_path / "again", **files)
    assert done.report["measured_lufs"] < -20
    assert again.report["measured_lufs"] == pytest.approx(-16, abs=0.5)


def test_silence_is_not_made_louder_and_peaks_are_held() -> None:
    assert gain_to(-14, Measured(-70, -120)).gain == 0
    assert gain_to(-14, Measured(-20, -12)).filters == ("volume=6.00dB",)
    held = gain_to(-14, Measured(-20, -3))
    assert held.limited
    assert held.filters[1].startswith("alimiter")


def test_what_ffmpeg_says_of_loudness_is_read() -> None:
    words = (
        "Integrated loudness:\n    I:         -21.8 LUFS\n True peak:\n    Peak:      -20.4 dBFS"
    )
    assert measured_in(words) == Measured(-21.8, -20.4)
    assert measured_in("    I:  -70.0 LUFS\n  Peak:   -inf dBFS") == Measured(-70, -120)


def test_a_mute_video_has_nothing_to_mix_with() -> None:
    planned = resolve(AddAudio(mode="mix", duck=True), {"video": VIDEO, "audio": MUSIC})
    assert said(planned) == {"mode": "replace"}
    assert planned.plan.model_dump()["ducks"] is False


def test_a_mute_video_is_no_sound() -> None:
    with pytest.raises(Unresolvable, match="audio: it has no sound") as refused:
        resolve(AddAudio(), {"video": VIDEO, "audio": VIDEO})
    assert refused.value.body.param == "audio"
    assert refused.value.body.hint


@pytest.mark.parametrize(
    ("task", "field"),
    [(AddAudio(duck=True), "duck"), (AddAudio(fade_in=2, fade_out=2.5), "fade_out")],
)
def test_what_cannot_be_done_is_said_of_its_field(task: AddAudio, field: str) -> None:
    with pytest.raises(Unresolvable) as refused:
        resolve(task, {"video": VIDEO, "audio": MUSIC})
    assert refused.value.body.param == field
