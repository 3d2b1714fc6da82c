"""Films of pictures, as the cutting room's users meet them."""

import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from tests.films import ffmpeg
from tests.integration.test_models import serving
from tests.unit.media.ffprobe import decode_audio, decode_rgb, probe, stream

COLOURS = ((200, 0, 0), (0, 200, 0), (0, 0, 200))


def pictures() -> bytes:
    """A ZIP of three, in plain colours; the second is upright."""
    out = BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for index, colour in enumerate(COLOURS):
            picture = BytesIO()
            size = (120, 240) if index == 1 else (240, 120)
            Image.new("RGB", size, colour).save(picture, "PNG")
            archive.writestr(f"{index + 9}.png", picture.getvalue())
    return out.getvalue()


def test_pictures_become_a_film_with_music_and_its_frames_become_clips(tmp_path: Path) -> None:
    music = tmp_path / "music.wav"
    ffmpeg("-f", "lavfi", "-i", "sine=frequency=440:duration=0.7", music)
    with serving("studio", tmp_path / "models", tmp_path) as studio:
        files = {"images": ("p.zip", pictures()), "audio": ("m.wav", music.read_bytes())}
        fields = {"seconds": "0.5", "resolution": "160x90", "crossfade": "0.125"}
        answer = studio.client.post("/video/img2vid", data=fields, files=files)
        assert answer.status_code == 202, answer.text
        job = studio.wait_for(answer.json()["id"], "completed")
        film = tmp_path / "film.mp4"
        film.write_bytes(studio.client.get(job["links"]["download"]).content)

        assert stream(probe(film), "video")["nb_read_frames"] == "36"
        frames = decode_rgb(film, 160, 90).mean(axis=(1, 2))
        for at, colour in ((6, COLOURS[0]), (20, COLOURS[1]), (32, COLOURS[2])):
            np.testing.assert_allclose(frames[at], colour, atol=12)
        assert frames[13][0] > 50 < frames[13][1]
        sound = np.abs(decode_audio(film, 1))
        assert len(sound) / 48000 - 1.5 < 0.05
        assert sound[10_000:12_000].max() > 0.08 < sound[34_000:36_000].max()
        assert sound[-1500:].max() < 0.01
        report = job["result"]["report"]
        assert report["num_frames"] == 36
        assert report["begins"] == [0, 0.5, 1]
        assert [each["image"] for each in report["cropped"]] == [0, 1, 2]
        assert report["audio"]["times_played"] == 2.143

        shots = [
            {"image_url": {"job": job["id"], "frame": 0}, "duracao": 0.25},
            {"image": {"job": job["id"]}, "motion": "pan_left", "seconds": 0.5},
        ]
        body = {"images": shots, "as": "clips", "resolution": "128x72"}
        answer = studio.client.post("/video/img2vid", json=body)
        assert answer.status_code == 202, answer.text
        job = studio.wait_for(answer.json()["id"], "completed")
        download = studio.client.get(job["links"]["download"])
        assert download.headers["content-type"] == "application/zip"
        with zipfile.ZipFile(BytesIO(download.content)) as archive:
            assert {each.compress_type for each in archive.infolist()} == {zipfile.ZIP_STORED}
            assert archive.namelist() == ["001.mp4", "002.mp4"]
            archive.extractall(tmp_path)
        for name, count, colour in (("001.mp4", 6, COLOURS[0]), ("002.mp4", 12, COLOURS[2])):
            clip = decode_rgb(tmp_path / name, 128, 72)
            assert len(clip) == count
            np.testing.assert_allclose(clip.mean(axis=(0, 1, 2)), colour, atol=12)
