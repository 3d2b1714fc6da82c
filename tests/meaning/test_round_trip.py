"""The whole way of a talk: written down, cut, captioned, with music, into a bucket.

One pipeline over a real service and a real S3 server, killed whenever it likes. What is looked at
is the object, and of it what people would see and hear.
"""

import json
import os
import random
import re
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil
import pytest

from studio.variants import StudioVariant
from tests import speech, voices
from tests.buckets import BUCKET, KEYS, S3, s3_server
from tests.live import LiveService, wait_until
from tests.stacks import Json, Stack
from tests.talks import FPS, STYLE, Finished, Talk, music, off_by, read, talk
from tests.voices import Sentence

WITHIN = 0.12
"""Seconds from a word to where it was spoken."""
MARGIN = 0.4
"""Seconds of each pause that stay, on both sides of what is said."""
PATIENCE = {"drain_seconds": 0, "backoff_seconds": 0, "lease_seconds": 5}
Voice = Callable[[str, Path], Sentence]


@dataclass(frozen=True)
class Language:
    """Who speaks, what, and who listens."""

    code: str
    voice: Voice
    model: Callable[[Path], StudioVariant]
    texts: tuple[str, ...]


ENGLISH = Language(
    "en",
    voices.english,
    speech.tiny_en,
    ("Good morning everybody.", "Seven people came back.", "Nobody knows why."),
)
PORTUGUESE = Language(
    "pt",
    voices.portuguese,
    speech.base,
    ("Boa noite, meus amigos.", "Obrigado pela sua atenção.", "Até amanhã."),
)


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    with s3_server(tmp_path_factory.mktemp("s3")) as server:
        yield server


@dataclass(frozen=True)
class Room:
    """A service with a bucket, and what it works on."""

    stack: Stack
    s3: S3
    language: Language
    talk: Talk
    folder: Path

    @property
    def service(self) -> LiveService:
        return self.stack.first

    def sent(self, field: str, path: Path) -> str:
        """The job of a file that is uploaded."""
        files = {field: (path.name, path.read_bytes())}
        answer = self.service.client.post("/upload", files=files)
        assert answer.status_code == 202, answer.text
        return str(self.service.wait_for(answer.json()["id"], "completed")["id"])

    def post(self, film: str, tune: str) -> Json:
        """All of it as one pipeline."""
        language = {"language": self.language.code}
        silence = {"margin": MARGIN, "min_silence": 1}
        mixed = {"mode": "mix", "fit": "loop", "gain": -3, "duck": True}
        return self.stack.post(
            step("heard", "/transcribe", video={"job": film}, **language),
            step("cut", "/video/edit", video={"job": film}, silence=silence),
            step("again", "/transcribe", video={"step": "cut"}, **language),
            step(
                "shown",
                "/video/caption",
                video={"step": "cut"},
                captions={"step": "again"},
                style=STYLE,
            ),
            step(
                "scored", "/video/addaudio", video={"step": "shown"}, audio={"job": tune}, **mixed
            ),
        )


def step(name: str, path: str, **body: Any) -> Json:
    return {"name": name, "service": "studio", "path": path, "body": body}


@contextmanager
def opened(s3: S3, tmp_path: Path, language: Language) -> Iterator[Room]:
    film = talk(tmp_path, language.voice, language.texts)
    keys = tmp_path / "s3_keys"
    keys.write_text(KEYS.replace(" ", "\n"))
    bucket = {"s3_bucket": BUCKET, "s3_prefix": "talks", "s3_endpoint_url": s3.url}
    variant = language.model(tmp_path / "models")
    service = LiveService(
        tmp_path,
        "studio.app",
        "studio",
        **{**PATIENCE, **bucket, "s3_keys_file": keys, "s3_keep_local": 0},
        studio_checkpoint=variant.name,
    )
    service.settings["STACK_ADDRESSES"] = f"studio={service.url}"
    try:
        yield Room(Stack([service]).start(), s3, language, film, tmp_path)
    finally:
        service.close()


@pytest.fixture
def english(s3: S3, tmp_path: Path) -> Iterator[Room]:
    with opened(s3, tmp_path, ENGLISH) as room:
        yield room


@pytest.fixture
def portuguese(s3: S3, tmp_path: Path) -> Iterator[Room]:
    with opened(s3, tmp_path, PORTUGUESE) as room:
        yield room


def wait_uploaded(service: LiveService, job: str) -> None:
    wait_until(lambda: service.job(job)["stored"]["state"] == "uploaded", 90, f"{job} is stored")


def objects(room: Room, over: Json) -> dict[str, dict[str, bytes]]:
    """All that the bucket has of each step, once it has all."""
    found = {}
    for one in over["steps"]:
        wait_uploaded(room.service, one["job_id"])
        folder = f"talks/studio/{one['job_id']}/"
        keys = room.s3.keys(folder)
        found[one["name"]] = {key.removeprefix(folder): room.s3.bytes(key) for key in keys}
    return found


def plain(texts: Sequence[str]) -> list[str]:
    """As they are said, without signs."""
    numbers = {"7": "seven"}
    words = re.findall(r"\w+", " ".join(texts).lower())
    return [numbers.get(word, word) for word in words]


def heard(files: dict[str, bytes]) -> list[dict[str, Any]]:
    cues = json.loads(files["words.json"])["cues"]
    return [word for cue in cues for word in cue["words"]]


def check(room: Room, over: Json) -> str:
    """The one object is right; answers by how much, for who reads the log."""
    assert over["state"] == "completed", (over["step"], over["error"], room.service.log(30))
    assert [one["earlier"] for one in over["steps"]] == [[]] * 5, "each step is made once"
    files = objects(room, over)
    texts = {"segments.srt", "captions.vtt", "karaoke.ass", "words.json", "transcript.txt"}
    for name, found in files.items():
        main = texts if name in ("heard", "again") else {"video.mp4"}
        assert found.keys() == main | {"manifest.json"}
    assert room.s3.begun() == []
    film = files["scored"]["video.mp4"]
    assert room.service.client.get(over["result"]["download"]).content == film
    (room.folder / "object.mp4").write_bytes(film)
    finished = Finished.of(room.folder / "object.mp4")
    late = check_words(room, heard(files["heard"]))
    apart = max(map(abs, off_by(room.talk, finished)))
    assert apart < 1, "sound and picture are in step"
    numbers = finished.numbers()
    assert numbers == sorted(set(numbers))
    assert len(numbers) < FPS * (room.talk.starts[-1] + len(room.talk.sentences[-1].sound) / 16000)
    ducked = check_look_and_sound(room, finished, heard(files["again"]))
    return f"words {late * 1000:.0f} ms, {apart:.2f} frames apart, music {ducked:.1f} dB lower"


def check_words(room: Room, words: Sequence[dict[str, Any]]) -> float:
    """Right, and where they were spoken; answers the most that one is off, in seconds."""
    truth = room.talk.words
    assert plain([word["text"] for word in words]) == plain([one.text for one in truth])
    off = [float(word["start"]) - one.start for word, one in zip(words, truth, strict=True)]
    assert max(map(abs, off)) < WITHIN, off
    return max(map(abs, off))


def check_look_and_sound(room: Room, finished: Finished, words: Sequence[dict[str, Any]]) -> float:
    """The word in colour is the one that is spoken; music makes room for it, answered in dB."""
    texts = [word["text"] for word in words]
    assert plain(texts) == plain(room.language.texts)
    middles = [(word["start"] + word["end"]) / 2 for word in words]
    marks = [finished.marked(middle) for middle in middles]
    assert read(marks, texts, room.folder) == texts
    pairs = pairwise(words)
    pauses = [(a["end"] + 0.45, b["start"] - 0.05) for a, b in pairs if b["start"] - a["end"] > 0.6]
    assert len(pauses) == len(room.language.texts) - 1
    loud = [finished.music_db(*pause) for pause in pauses]
    spoken = [finished.music_db(middle - 0.05, middle + 0.05) for middle in middles[1:]]
    assert min(loud) - max(spoken) > 3
    return sum(loud) / len(loud) - sum(spoken) / len(spoken)


def kill(service: LiveService, what: str) -> str:
    """It runs again when this returns. Answers who was killed."""
    api, pids = service.process.pid, list[int]()
    if what in ("worker", "all"):
        pids += workers_of(service)
    if what in ("uploader", "all"):
        pids += uploaders_of(psutil.Process(api))
    if what in ("api", "all"):
        pids.insert(0, api)
    for pid in pids:  # nothing is asked first: the moment counts
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    if api in pids:
        service.exit_code()
        service.restart()
    return f"{what}, {len(pids)} processes,"


def workers_of(service: LiveService) -> list[int]:
    pid = service.worker_pid()
    return [] if pid is None else [pid]


def uploaders_of(api: psutil.Process) -> list[int]:
    found = []
    for child in api.children(recursive=True):
        with suppress(psutil.Error):  # it has just ended
            if any("bucket.child" in word for word in child.cmdline()):
                found.append(child.pid)
    return found


def wait_asked(service: LiveService, count: int) -> None:
    """Until there are so many jobs, and hardly longer: the pipeline has not heard of the last."""
    deadline = time.monotonic() + 120
    while service.query("SELECT count(*) FROM jobs") < [(count,)]:
        assert time.monotonic() < deadline, "the step's job is made"


def is_pending(job: dict[str, Any]) -> bool:
    """Whether its files still have to go to the bucket."""
    return job["stored"] is not None and job["stored"]["state"] == "pending"


@dataclass
class Talks:
    """The same film as a pipeline, again and again."""

    room: Room
    dice: random.Random

    def __post_init__(self) -> None:
        self.film = self.room.sent("video", self.room.talk.path)
        self.tune = self.room.sent("audio", music(self.room.folder / "music.wav"))

    def in_peace(self) -> float:
        """How many seconds it takes, objects and all."""
        began = time.monotonic()
        over = self.room.stack.end(self.room.post(self.film, self.tune), 180)
        objects(self.room, over)
        seconds = time.monotonic() - began
        print(f"\n{seconds:.1f} s without a kill: {check(self.room, over)}")
        return seconds

    def as_it_is_asked_for(self) -> None:
        """The API process is killed when some step has a job that it has not heard of."""
        step = self.dice.randint(1, 5)
        known = len(self.room.stack.jobs())
        self._killed("api", lambda: wait_asked(self.room.service, known + step))

    def at_random(self, what: str, seconds: float) -> None:
        """Killed somewhere on its way."""
        moment = time.monotonic() + self.dice.random() * seconds
        self._killed(what, lambda: wait_until(lambda: time.monotonic() >= moment, seconds + 60))

    def _killed(self, what: str, wait: Callable[[], object]) -> None:
        room, before = self.room, set(self.room.stack.jobs())
        sent = room.post(self.film, self.tune)
        wait()
        killed = kill(room.service, what)
        at = room.stack.read(sent)
        waiting = sum(is_pending(job) for job in room.service.jobs())
        over = room.stack.end(sent, 240)
        said = check(room, over)
        made = {one["job_id"] for one in over["steps"]}
        assert set(room.stack.jobs()) - before == made, "each step is made once"
        print(
            f"{killed} at {at['step'] or 'its end'}, {at['percent']} %, {waiting} to upload: {said}"
        )


def test_a_talk_is_one_right_object_though_it_is_killed(english: Room) -> None:
    Talks(english, random.Random(1)).as_it_is_asked_for()


@pytest.mark.slow
def test_in_portuguese_too(portuguese: Room) -> None:
    talks = Talks(portuguese, random.Random(2))
    talks.at_random("all", talks.in_peace())
    talks.as_it_is_asked_for()


@pytest.mark.slow
@pytest.mark.parametrize("seed", [7])
def test_ten_kills_at_random_moments(english: Room, seed: int) -> None:
    talks = Talks(english, random.Random(seed))
    seconds = talks.in_peace()
    for what in ("api", "worker", "uploader", "all") * 2:
        talks.at_random(what, seconds)
        if what == "all":
            talks.as_it_is_asked_for()
