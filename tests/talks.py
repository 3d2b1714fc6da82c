"""A film in which somebody speaks, of which all is known; and what a finished film says of it.

The upper part of each frame shows its number, so that a cut is read from the frames; captions have
room below. Music is a tone above all that a voice has.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from studio.captions.cues import Cue
from studio.captions.style import Style
from studio.captions.styled import as_ass
from tests.cutting import BITS, HERTZ
from tests.films import ffmpeg
from tests.speech import RATE, Spoken, write
from tests.unit.media.ffprobe import decode_audio, decode_rgb
from tests.voices import Sentence

Sound = NDArray[np.float32]
FPS = 25
WIDTH, HEIGHT, BAND = 320, 180, 32
FIRST, PAUSE, LAST = 0.8, 2.0, 0.9
"""Seconds before the first sentence, between two, and behind the last one."""
TONE = 10_000
"""Hertz."""
STYLE = {"karaoke": "word", "highlight": "#ff0000", "outline": 0, "size": 11}


@dataclass(frozen=True)
class Talk:
    """A film, and what is said in it."""

    path: Path
    sentences: tuple[Sentence, ...]
    starts: tuple[float, ...]

    @property
    def words(self) -> tuple[Spoken, ...]:
        """Where each is really heard."""
        pairs = zip(self.sentences, self.starts, strict=True)
        return tuple(word for sentence, start in pairs for word in sentence.later(start))


def talk(folder: Path, voice: Callable[[str, Path], Sentence], texts: Sequence[str]) -> Talk:
    """Sentences with silence between them."""
    sentences = tuple(voice(text, folder) for text in texts)
    starts, at = list[float](), FIRST
    for sentence in sentences:
        starts.append(round(at * FPS) / FPS + 0.013)  # not with a frame
        at = starts[-1] + len(sentence.sound) / RATE + PAUSE
    count = round((at - PAUSE + LAST) * FPS)
    track = np.zeros(round(count / FPS * RATE), np.float32)
    for sentence, start in zip(sentences, starts, strict=True):
        first = round(start * RATE)
        track[first : first + len(sentence.sound)] += sentence.sound
    sound, picture = write(folder / "talk.wav", track), folder / "talk.gray"
    picture.write_bytes(_numbered(count).tobytes())
    raw = ["-f", "rawvideo", "-pix_fmt", "gray", "-s", f"{WIDTH}x{HEIGHT}", "-r", FPS]
    codecs = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac"]
    path = folder / "talk.mp4"
    ffmpeg(*raw, "-i", picture, "-i", sound, *codecs, path)
    return Talk(path, sentences, tuple(starts))


def _numbered(count: int) -> NDArray[np.uint8]:
    bits = (np.arange(count)[:, None] >> np.arange(BITS)) & 1
    frames = np.zeros((count, HEIGHT, WIDTH), np.uint8)
    frames[:, :BAND] = np.repeat(bits * 255, WIDTH // BITS, axis=1)[:, None]
    return frames


def music(path: Path) -> Path:
    """Three seconds of a tone."""
    ffmpeg("-f", "lavfi", "-i", f"sine=frequency={TONE}:duration=3:sample_rate={HERTZ}", path)
    return path


@dataclass(frozen=True)
class Finished:
    """A finished film."""

    frames: NDArray[np.uint8]
    sound: Sound
    """[N] at 48 kHz."""

    @classmethod
    def of(cls, path: Path) -> "Finished":
        return cls(decode_rgb(path, WIDTH, HEIGHT), decode_audio(path, 2).mean(axis=1))

    def numbers(self) -> list[int]:
        """What the frames show."""
        centres = [int((bit + 0.5) * WIDTH / BITS) for bit in range(BITS)]
        lit = self.frames[:, BAND // 2, centres, 1] > 128
        return [int(number) for number in lit @ (1 << np.arange(BITS))]

    def heard_at(self, sentence: Sentence) -> float:
        """The second at which a sentence begins: where the sound is most like it."""
        places = np.arange(0, len(sentence.sound) - 1, RATE / HERTZ)
        wanted = np.interp(places, np.arange(len(sentence.sound)), sentence.sound)
        size = 1 << (len(self.sound) + len(wanted)).bit_length()
        spectra = np.fft.rfft(self.sound, size) * np.conj(np.fft.rfft(wanted, size))
        return int(np.fft.irfft(spectra, size)[: len(self.sound)].argmax()) / HERTZ

    def music_db(self, start: float, end: float) -> float:
        """How loud the tone is between two seconds."""
        part = self.sound[round(start * HERTZ) : round(end * HERTZ)]
        tone = np.exp(-2j * np.pi * TONE * np.arange(len(part)) / HERTZ)
        return float(20 * np.log10(abs(part @ tone) / len(part)))

    def marked(self, second: float) -> NDArray[np.bool_]:
        """Where the frame that is shown then has the colour of the word that is spoken."""
        return _red(self.frames[int(second * FPS)])


def off_by(talk: Talk, finished: Finished) -> list[float]:
    """Of each sentence, by how many frames its sound has left its picture."""
    numbers, found = finished.numbers(), list[float]()
    for sentence, start in zip(talk.sentences, talk.starts, strict=True):
        frame = int((start + 0.2) * FPS)  # shown while it is spoken
        moved = (numbers.index(frame) - frame) / FPS
        found.append((finished.heard_at(sentence) - start - moved) * FPS)
    return found


def read(marks: Sequence[NDArray[np.bool_]], words: Sequence[str], folder: Path) -> list[str]:
    """Which of the words each mark is most like: each is drawn alone, and laid over it."""
    alone = dict(zip(words, map(_cut_out, _drawn(words, folder)), strict=True))
    cut = [_cut_out(mark) for mark in marks]
    return [max(alone, key=lambda word: _alike(alone[word], one)) for one in cut]


def _drawn(words: Sequence[str], folder: Path) -> list[NDArray[np.bool_]]:
    style = Style(size=STYLE["size"], outline=0, colour=STYLE["highlight"])
    cues = [Cue(start=n / 25, end=(n + 1) / 25, text=word) for n, word in enumerate(words)]
    (folder / "words.ass").write_text(as_ass(cues, style, WIDTH, HEIGHT))
    black = f"color=black:size={WIDTH}x{HEIGHT}:rate=25:duration={len(words) / 25}"
    drawn = folder / "words.mp4"
    shown = ["-vf", f"ass=f={folder}/words.ass", "-pix_fmt", "yuv420p"]
    ffmpeg("-f", "lavfi", "-i", black, *shown, drawn)
    return [_red(frame) for frame in decode_rgb(drawn, WIDTH, HEIGHT)]


def _red(frame: NDArray[np.uint8]) -> NDArray[np.bool_]:
    wide = frame.astype(np.int16)
    found: NDArray[np.bool_] = wide[..., 0] - wide[..., 1:].max(axis=-1) > 80
    return found


def _cut_out(mark: NDArray[np.bool_]) -> NDArray[np.bool_]:
    rows, columns = np.flatnonzero(mark.any(axis=1)), np.flatnonzero(mark.any(axis=0))
    assert len(rows), "nothing is marked"
    return mark[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _alike(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    """Shared pixels of all, 0 to 1, at the best of nine places."""
    height, width = (max(a, b) + 2 for a, b in zip(one.shape, other.shape, strict=True))
    fixed = np.zeros((height, width), np.bool_)
    fixed[1 : 1 + one.shape[0], 1 : 1 + one.shape[1]] = one
    best = 0.0
    for y, x in np.ndindex(3, 3):
        laid = np.zeros_like(fixed)
        laid[y : y + other.shape[0], x : x + other.shape[1]] = other[: height - y, : width - x]
        best = max(best, float((fixed & laid).sum() / (fixed | laid).sum()))
    return best
