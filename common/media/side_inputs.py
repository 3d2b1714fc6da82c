"""What ffmpeg reads beside the frames, the sound and the tags, as files in memory.

A memfd has no name: nothing is left on disk however the worker ends, a full disk cannot cut it
short, and a prompt does not show in the machine's list of processes as an argument would.
"""

import os
from collections.abc import Mapping
from contextlib import ExitStack
from fractions import Fraction
from types import TracebackType
from typing import TYPE_CHECKING, Self

from common.base.errors import EncodingFailed
from common.media.clip import AudioTrack

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_MAX_CHANNELS = 8
_FLOAT32_BYTES = 4


class SideInputs:
    """Nameless files, to be passed to a child process; closed here on exit."""

    def __init__(self) -> None:
        self._files = ExitStack()
        self.descriptors: list[int] = []

    def add(self, name: str, data: bytes | memoryview, size: int | None = None) -> str:
        """Keep ``data``, zero-filled up to ``size`` bytes; returns the path a child opens."""
        descriptor = os.memfd_create(name)
        self._files.callback(os.close, descriptor)
        self.descriptors.append(descriptor)
        with open(descriptor, "wb", closefd=False) as file:
            file.write(data)
        if size is not None:
            os.ftruncate(descriptor, size)
        return f"/proc/self/fd/{descriptor}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._files.close()


def metadata_arguments(inputs: SideInputs, metadata: Mapping[str, str]) -> list[str]:
    """Output options that write ``metadata`` as MP4 tags, any text unchanged.

    ``-/metadata`` reads the option's value from a file: as an argument a value may be 128 KiB at
    most, and ffmpeg's own metadata files lose carriage returns.

    Raises:
        ValueError: a key holds "=" (keys are chosen by the code, never by a client).
    """
    arguments = ["-movflags", "+faststart+use_metadata_tags"]
    for key, value in metadata.items():
        if "=" in key:
            raise ValueError(f"a metadata key may not hold '=': {key!r}")
        # ffmpeg's texts end at a NUL, and lone surrogates have no UTF-8.
        text = f"{key}={value}".replace("\x00", "").encode(errors="replace")
        arguments += ["-/metadata", inputs.add("tag", text)]
    return arguments


def audio_arguments(
    inputs: SideInputs, audio: AudioTrack, num_frames: int, rate: Fraction
) -> list[str]:
    """Input options for ``audio``, silent after its end and cut to ``num_frames / rate`` seconds.

    Raises:
        EncodingFailed: not [samples, channels] with 1 to 8 channels, or no sample rate.
    """
    if audio.samples.ndim != 2 or not 1 <= audio.samples.shape[1] <= _MAX_CHANNELS:
        raise EncodingFailed("The model returned sound of the wrong shape.")
    if audio.sample_rate < 1:
        raise EncodingFailed("The model returned sound without a sample rate.")
    samples, channels = round(num_frames * audio.sample_rate / rate), audio.samples.shape[1]
    pcm = _playable(audio.samples[:samples])
    path = inputs.add("audio", memoryview(pcm.tobytes()), samples * channels * _FLOAT32_BYTES)
    layout = ["-ar", str(audio.sample_rate), "-ac", str(channels)]
    return ["-f", "f32le", *layout, "-i", path]


def _playable(samples: "NDArray[np.float32]") -> "NDArray[np.float32]":
    """Little-endian float32 in [-1, 1]: ffmpeg's AAC encoder gives up at one NaN."""
    import numpy as np  # no business of the API process, which knows this module

    finite = np.nan_to_num(samples, nan=0.0, posinf=1.0, neginf=-1.0)
    return np.clip(finite, -1.0, 1.0).astype("<f4")
