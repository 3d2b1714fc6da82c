"""What is said, and when, by real small models: as users and OpenAI's client ask for it."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from openai import BadRequestError, NotFoundError, OpenAI

from tests import speech
from tests.films import ffmpeg
from tests.integration.openai_client import openai_client
from tests.integration.test_models import serving
from tests.integration.test_openai_errors import envelope
from tests.live import LiveService
from tests.speech import Spoken
from tests.unit.media.ffprobe import decode_audio, decode_rgb

# Their client calls translations deprecated, at every call.
pytestmark = pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")

SENTENCES = ((1.0, "The quick brown fox jumps over the lazy dog."), (5.5, "Good morning."))
WORDS = tuple((9 + 0.9 * n, word) for n, word in enumerate(("apple", "river", "window", "garden")))
WITHIN = 0.12
"""Seconds. From a word to where it is really heard."""


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveService]:
    folder = tmp_path_factory.mktemp("transcripts")
    variant = speech.tiny_en(folder / "models")
    settings = {"studio_checkpoint": variant.name}
    with serving("studio", folder / "models", folder, **settings) as service:
        yield service


@pytest.fixture(scope="module")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Spoken]]:
    path = tmp_path_factory.mktemp("speech") / "spoken.wav"
    return path, speech.say(path, (*SENTENCES, *WORDS), 14)


@pytest.fixture
def openai(studio: LiveService) -> Iterator[OpenAI]:
    with openai_client(studio) as client:
        yield client


def asked(service: LiveService, file: Path, **fields: Any) -> dict[str, Any]:
    """The finished job of a form."""
    sent = {"audio": (file.name, file.read_bytes())}
    answer = service.client.post("/transcribe", data=fields, files=sent)
    assert answer.status_code == 202, answer.text
    return service.wait_for(answer.json()["id"], "completed", timeout=120)


def plain(text: str) -> list[str]:
    return re.sub(r"[^a-z ]", "", text.lower()).split()


def check_times(words: list[dict[str, Any]], spoken: list[Spoken]) -> None:
    """Each of what was said by itself begins and ends where it was heard."""
    rest = iter(words)
    for one in spoken:
        own = [next(rest) for _ in plain(one.text)]
        assert own[0]["start"] == pytest.approx(one.start, abs=WITHIN), one
        assert own[-1]["end"] == pytest.approx(one.end, abs=WITHIN), one
    assert next(rest, None) is None


def test_every_word_is_right_and_where_it_was_spoken(
    studio: LiveService, spoken: tuple[Path, list[Spoken]]
) -> None:
    path, truth = spoken
    job = asked(studio, path)
    get = studio.client.get
    files = {name: get(job["links"][name]).text for name in job["links"] if "." in name}
    heard = json.loads(files["words.json"])
    words = [word for cue in heard["cues"] for word in cue["words"]]
    said = plain(" ".join(one.text for one in truth))
    assert plain(" ".join(word["text"] for word in words)) == said
    check_times(words, truth)
    report = job["result"]["report"]
    assert (report["language"], report["words"]) == ("en", len(words))
    assert report["seconds_heard"] == pytest.approx(14, abs=0.1)
    assert get(job["links"]["download"]).text == files["segments.srt"]
    assert plain(files["transcript.txt"].replace("\n", " ")) == said
    assert files["captions.vtt"].startswith("WEBVTT\n\n00:00:0")
    assert files["karaoke.ass"].count(r"\kf") == len(words)


def test_in_silence_nothing_is_said(studio: LiveService, tmp_path: Path) -> None:
    hiss = np.random.default_rng(1).normal(0, 0.003, 4 * speech.RATE).astype(np.float32)
    job = asked(studio, speech.write(tmp_path / "hiss.wav", hiss))
    assert (job["result"]["report"]["language"], job["result"]["report"]["words"]) == ("und", 0)
    assert studio.client.get(job["links"]["download"]).text == "\n"


def test_openais_client_reads_words_and_segments(
    openai: OpenAI, spoken: tuple[Path, list[Spoken]]
) -> None:
    path, truth = spoken
    heard = openai.audio.transcriptions.create(
        file=path,
        model="whisper-1",
        response_format="verbose_json",
        timestamp_granularities=["word", "segment"],
    )
    assert heard.words is not None
    assert heard.segments is not None
    check_times([word.model_dump() for word in heard.words], truth)
    assert plain(heard.text) == plain("".join(one.text for one in heard.segments))
    assert (heard.language, round(heard.duration)) == ("english", 14)
    assert -1 < heard.segments[0].avg_logprob < 0


def test_openais_client_gets_each_form_of_one_job(
    studio: LiveService, openai: OpenAI, tmp_path: Path
) -> None:
    path = tmp_path / "short.wav"
    speech.say(path, [(0.5, "Good morning.")], 2)
    before = len(studio.jobs())

    def create(**more: Any) -> Any:
        fields: dict[str, Any] = {"model": "studio", "language": "en", "prompt": "Guten Tag."}
        once = {"Idempotency-Key": "one"}
        fields |= {"temperature": 0.2, "extra_headers": once, **more}
        return openai.audio.transcriptions.create(file=path, **fields)

    assert plain(create().text) == ["good", "morning"]
    assert plain(create(response_format="text")) == ["good", "morning"]
    srt = create(response_format="srt")
    assert re.match(r"1\n00:00:00,\d{3} --> 00:00:01,\d{3}\nGood morning", srt)
    assert create(response_format="vtt").startswith("WEBVTT\n\n00:00:00.")
    assert len(studio.jobs()) == before + 1
    assert [one.id for one in openai.models.list().data] == ["studio"]


def test_openais_client_is_told_what_is_wrong(openai: OpenAI, tmp_path: Path) -> None:
    path = speech.write(tmp_path / "a.wav", np.zeros(speech.RATE, np.float32))
    create = openai.audio.transcriptions.create
    with pytest.raises(BadRequestError, match=r"tiny\.en cannot translate") as translating:
        openai.audio.translations.create(file=path, model="whisper-1")
    assert translating.value.param == "model"
    with pytest.raises(BadRequestError, match="verbose_json alone") as words:
        create(file=path, model="whisper-1", timestamp_granularities=["word"])
    assert words.value.param == "timestamp_granularities"
    with pytest.raises(NotFoundError, match="gpt-4o-transcribe"):
        create(file=path, model="gpt-4o-transcribe")
    with pytest.raises(BadRequestError, match="knows English alone"):
        create(file=path, model="whisper-1", language="pt")
    with pytest.raises(BadRequestError, match="language") as unknown:
        create(file=path, model="whisper-1", language="xx")
    assert unknown.value.param == "language"
    with pytest.raises(BadRequestError) as empty:
        create(file=("a.wav", b""), model="whisper-1")
    assert empty.value.param == "file"


def test_a_body_without_a_file_is_refused(studio: LiveService) -> None:
    def post(path: str, **body: Any) -> httpx.Response:
        return studio.client.post(path, **body)

    path = "/v1/audio/transcriptions"
    assert envelope(post(path, json={"model": "studio"}), 415)
    missing = envelope(post(path, files={"model": (None, "studio")}), 400)
    assert (missing["param"], missing["message"][:16]) == ("file", "file is missing.")
    nothing = post("/transcribe", json={})
    assert (nothing.status_code, nothing.json()["error"]["param"]) == (422, "audio")


@pytest.mark.slow
def test_portuguese_is_heard_and_translated(tmp_path: Path) -> None:
    variant = speech.base(tmp_path / "models")
    path = tmp_path / "bom_dia.wav"
    voice = ("espeak-ng", "-v", "pt-br", "-s", "120")
    truth = speech.say(path, [(1.0, "Bom dia, meus amigos.")], 4, *voice)
    settings = {"studio_checkpoint": variant.name}
    with serving("studio", tmp_path / "models", tmp_path, **settings) as service:
        job = asked(service, path, language="pt")
        heard = service.client.get(job["links"]["words.json"]).json()
        with openai_client(service) as client:
            english = client.audio.translations.create(file=path, model="whisper-1").text
    words = [word for cue in heard["cues"] for word in cue["words"]]
    assert plain(" ".join(word["text"] for word in words)) == ["bom", "dia", "meus", "amigos"]
    check_times(words, truth)
    assert "friend" in english.lower()


def test_a_talk_becomes_an_upright_film_without_pauses_and_with_captions(
    studio: LiveService, spoken: tuple[Path, list[Spoken]], tmp_path: Path
) -> None:
    """Of 14 s the pauses go, and what is heard is written below, at its new time."""
    path, _ = spoken
    talk = tmp_path / "talk.mp4"
    black = ["-f", "lavfi", "-i", "color=black:size=320x180:rate=25"]
    ffmpeg(*black, "-i", path, "-t", 14, "-pix_fmt", "yuv420p", talk)
    files = {"video": (talk.name, talk.read_bytes())}
    fields = {"template": "reels-with-captions", "style": '{"karaoke": "none"}'}
    answer = studio.client.post("/video/edit", data=fields, files=files)
    job = studio.wait_for(answer.json()["id"], "completed", timeout=120)
    made, report = job["result"], job["result"]["report"]
    assert (made["width"], made["height"]) == (180, 320)
    assert report["silence_method"] == "voice"
    assert made["duration_seconds"] == pytest.approx(14 - report["silence_seconds"], abs=0.01)
    assert 3 < report["silence_seconds"] < 9
    film = tmp_path / "film.mp4"
    film.write_bytes(studio.client.get(job["links"]["download"]).content)
    written = decode_rgb(film, 180, 320)[:, 160:].max(axis=(1, 2, 3)) > 200
    heard = np.abs(decode_audio(film, 2)[:, 0])
    blocks = heard[: len(written) * 1920].reshape(len(written), 1920).max(axis=1) > 0.05
    assert written[blocks].mean() > 0.85, "words are read while they are heard"
    assert written.mean() < 1
