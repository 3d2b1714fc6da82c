"""Whisper on a GPU, through transformers: CTranslate2's package for arm64 has no CUDA."""

import common.runtime.libraries  # noqa: F401

# isort: split

import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from common.contract import LoadOptions
from common.runtime.devices import memory_errors, pick_device
from common.runtime.weights import damaged, missing
from studio.listening.heard import HeardWord, Segment
from studio.listening.listen import Hearing
from studio.listening.sound import SAMPLE_RATE, quietest
from studio.listening.wish import Wish

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FILES = ("model.safetensors", "config.json", "preprocessor_config.json", "tokenizer.json")
WINDOW_SECONDS = 28.0
"""Whisper hears thirty at once, padding included."""
PAUSE_SECONDS = 1.0
"""Where a segment ends; it also does behind a sentence."""
_ENDS = (".", "!", "?", "。", "！", "？")  # noqa: RUF001  # Chinese and Japanese have their own


class TransformersWhisper:
    """A ``Listener``. Its segments have no measures: nothing is known of how sure it was."""

    def __init__(self, recognise: Any) -> None:
        """``recognise``: the library's pipeline for speech."""
        self._recognise = recognise

    @classmethod
    def load(cls, checkpoint: Path, options: LoadOptions) -> "TransformersWhisper":
        """In float16 on a GPU, where it was published so. Raises CheckpointError, OutOfMemory."""
        for name in FILES:
            if not (checkpoint / name).is_file():
                raise missing(checkpoint, f"{name} is missing")
        from transformers import WhisperForConditionalGeneration, WhisperProcessor, pipeline

        device = pick_device(options.device)
        dtype = torch.float16 if device.type == "cuda" else torch.float32
        known = {"local_files_only": True}
        with memory_errors():
            try:
                processor = WhisperProcessor.from_pretrained(str(checkpoint), **known)
                model = WhisperForConditionalGeneration.from_pretrained(
                    str(checkpoint), dtype=dtype, use_safetensors=True, **known
                )
            except (OSError, ValueError, KeyError) as exc:
                raise damaged(checkpoint, "one of its files cannot be read") from exc
            parts = {
                "tokenizer": processor.tokenizer,
                "feature_extractor": processor.feature_extractor,
            }
            task = "automatic-speech-recognition"
            return cls(pipeline(task, model=model.to(device), dtype=dtype, device=device, **parts))

    def hear(self, samples: "NDArray[np.float32]", wish: Wish) -> Hearing:
        spans = list(windows(samples, vad=wish.vad))
        language = wish.language or self._language(samples, spans)
        return Hearing(language, self._segments(samples, spans, wish, language))

    def _segments(
        self,
        samples: "NDArray[np.float32]",
        spans: Sequence[tuple[int, int]],
        wish: Wish,
        language: str,
    ) -> Iterator[Segment]:
        chosen = self._chosen(wish, language)
        for start, end in spans:
            sound = {"raw": samples[start:end], "sampling_rate": SAMPLE_RATE}
            found = self._recognise(sound, return_timestamps="word", generate_kwargs=chosen)
            words = [
                HeardWord(one["text"], *(one["timestamp"] or (None, None)))
                for one in found["chunks"]
            ]
            for segment in sentences(words, (end - start) / SAMPLE_RATE):
                yield segment.later(start / SAMPLE_RATE)

    def _chosen(self, wish: Wish, language: str) -> dict[str, Any]:
        model = self._recognise.model
        chosen: dict[str, Any] = {}
        if model.generation_config.is_multilingual:
            chosen["language"] = language
            chosen["task"] = "translate" if wish.translates else "transcribe"
        if wish.temperature:
            chosen |= {"temperature": wish.temperature, "do_sample": True}
        if wish.prompt:
            ids = self._recognise.tokenizer.get_prompt_ids(wish.prompt, return_tensors="pt")
            chosen["prompt_ids"] = ids.to(model.device)
        return chosen

    def _language(self, samples: "NDArray[np.float32]", spans: Sequence[tuple[int, int]]) -> str:
        model = self._recognise.model
        if not spans or not model.generation_config.is_multilingual:
            return "en"
        start, end = spans[0]
        made = self._recognise.feature_extractor(
            samples[start:end], sampling_rate=SAMPLE_RATE, return_tensors="pt"
        )
        features = made.input_features.to(model.device, model.dtype)
        [token] = model.detect_language(input_features=features)
        said: str = self._recognise.tokenizer.decode(token)
        return said.strip("<|>")


def windows(samples: "NDArray[np.float32]", *, vad: bool) -> Iterator[tuple[int, int]]:
    """The spans of float32 samples [N] that are heard at once: those with speech, or all."""
    most = round(WINDOW_SECONDS * SAMPLE_RATE)
    if not vad:
        start = 0
        while start < len(samples):
            rest = samples[start : start + most]
            end = start + (quietest(rest) if len(rest) == most else len(rest))
            yield start, end
            start = end
        return
    from faster_whisper.vad import VadOptions, get_speech_timestamps

    options = VadOptions(max_speech_duration_s=WINDOW_SECONDS - 1)
    span: tuple[int, int] | None = None
    for found in get_speech_timestamps(samples, options):
        if span is not None and found["end"] - span[0] > most:
            yield span
            span = None
        span = (found["start"] if span is None else span[0], found["end"])
    if span is not None:
        yield span


def sentences(words: Sequence[HeardWord], seconds: float) -> Iterator[Segment]:
    """The segments that words of a window make; ``seconds`` is its length."""
    own = list[HeardWord]()
    for word, after in zip(words, [*words[1:], None], strict=False):
        own.append(word)
        pause = after is not None and (after.start or 0.0) - (word.end or seconds) > PAUSE_SECONDS
        if after is None or pause or word.text.rstrip().endswith(_ENDS):
            yield _segment(own, seconds)
            own = []


def _segment(words: Sequence[HeardWord], seconds: float) -> Segment:
    text = "".join(word.text for word in words)
    said = text.encode()
    return Segment(
        start=words[0].start or 0.0,
        end=words[-1].end or seconds,
        text=text,
        words=tuple(words),
        compression_ratio=len(said) / len(zlib.compress(said)),
    )
