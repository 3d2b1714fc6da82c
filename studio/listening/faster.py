"""Whisper on the processor, through CTranslate2 and its Silero VAD: faster-whisper."""

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.runtime.weights import damaged, missing
from studio.listening.heard import HeardWord, Segment
from studio.listening.listen import Hearing
from studio.listening.wish import Wish

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FILES = ("model.bin", "config.json", "tokenizer.json")
"""What every checkpoint in CTranslate2's layout has, beside ``vocabulary.txt`` or ``.json``.
``model.bin`` is CTranslate2's own format, read by its own reader: no pickle."""
PREPROCESSOR = "preprocessor_config.json"
"""Where the sound is cut into more than 80 bands, as in large-v3 and turbo."""

MAX_THREADS = 8
"""The rest is for the services beside."""
SILENCE_SECONDS = 2.0
"""Where all is heard: what is said in a longer silence, and sounds made up, is left out."""
TEMPERATURES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
"""Whisper's: tried one after the other while a window comes out improbable or repetitive."""


class FasterWhisper:
    """A ``Listener``."""

    def __init__(self, model: Any) -> None:
        self.model = model

    @classmethod
    def load(cls, checkpoint: Path) -> "FasterWhisper":
        """In 8-bit integers. Raises CheckpointError."""
        for name in FILES:
            if not (checkpoint / name).is_file():
                raise missing(checkpoint, f"{name} is missing")
        from faster_whisper import WhisperModel

        logging.getLogger("faster_whisper").setLevel(logging.WARNING)  # it tells of each piece
        try:
            model = WhisperModel(
                str(checkpoint),
                device="cpu",
                compute_type="int8",
                cpu_threads=_threads(),
                local_files_only=True,
            )
        except Exception as exc:  # RuntimeError, ValueError and what tokenizers raises: no base
            raise damaged(checkpoint, "one of its files cannot be read") from exc
        if model.model.n_mels != model.feature_extractor.mel_filters.shape[0]:
            raise missing(checkpoint, f"{PREPROCESSOR} is missing, or another model's")
        return cls(model)

    def hear(self, samples: "NDArray[np.float32]", wish: Wish) -> Hearing:
        found, info = self.model.transcribe(
            samples,
            language=wish.language,
            task="translate" if wish.translates else "transcribe",
            temperature=[
                wish.temperature,
                *(one for one in TEMPERATURES if one > wish.temperature),
            ],
            initial_prompt=wish.prompt,
            word_timestamps=True,
            vad_filter=wish.vad,
            hallucination_silence_threshold=None if wish.vad else SILENCE_SECONDS,
        )
        return Hearing(info.language, map(_segment, found))


def _segment(found: Any) -> Segment:
    return Segment(
        start=float(found.start),
        end=float(found.end),
        text=found.text,
        words=tuple(
            HeardWord(word.word, float(word.start), float(word.end), float(word.probability))
            for word in found.words or ()
        ),
        avg_logprob=float(found.avg_logprob),
        no_speech_prob=float(found.no_speech_prob),
        compression_ratio=float(found.compression_ratio),
        temperature=found.temperature or 0.0,
    )


def _threads() -> int:
    """0 leaves it to ``OMP_NUM_THREADS``."""
    if "OMP_NUM_THREADS" in os.environ:
        return 0
    return min(MAX_THREADS, len(os.sched_getaffinity(0)))
