"""What ffmpeg may open and decode here: the formats that cameras, phones and programs write."""

from common.media.video.reader import CONTAINERS, DECODERS, SOUND_CONTAINERS

FORMATS = {**CONTAINERS, **SOUND_CONTAINERS}
"""FFmpeg's names of the demuxers, and the endings of their files here."""
PICTURES = {"png": "png_pipe", "jpeg": "jpeg_pipe", "webp": "webp_pipe", "bmp": "bmp_pipe"}
"""Formats of pictures, and FFmpeg's demuxers."""

SOUNDS = {
    "aac": "AAC",
    "mp3": "MP3",
    "opus": "Opus",
    "vorbis": "Vorbis",
    "flac": "FLAC",
    "alac": "ALAC",
    "ac3": "AC-3",
    "eac3": "E-AC-3",
}
"""FFmpeg's names of the codecs of sound that are taken beside PCM, and ours."""
_SOUND_DECODERS = ("mp3float", "libopus", "libvorbis", *SOUNDS)
PCM = (
    *("u8", "s8", "s16le", "s16be", "s24le", "s24be", "s32le", "s32be"),
    *("f32le", "f32be", "f64le", "f64be", "mulaw", "alaw"),
)
"""The forms of PCM that are taken, without FFmpeg's ``pcm_``; the last two are a telephone's."""
_PCM_CODECS = tuple(f"pcm_{form}" for form in PCM)
_DECODERS = [
    DECODERS,
    *_SOUND_DECODERS,
    *_PCM_CODECS,
    *("png", "mjpeg", "webp", "bmp", "srt", "subrip"),
]
_MAX_ALLOCATION = 512 * 1024**2
"""Bytes that may be asked for at once: a header can claim any size."""
_MAX_STREAMS = 64

DECODING = (
    *("-protocol_whitelist", "fd"),
    *("-format_whitelist", ",".join([*FORMATS, *PICTURES.values(), "srt"])),
    *("-codec_whitelist", ",".join(_DECODERS)),
    *("-max_streams", str(_MAX_STREAMS)),
)
"""Options of each input."""
BOUNDS = ("-max_alloc", str(_MAX_ALLOCATION))
"""Of the whole run."""


COPIED = frozenset({"h264", "hevc", "av1", "vp9", "mpeg4", "mpeg2video"})
"""Codecs of video that an MP4 can hold and players know there: such a stream can be copied."""
_COPIED_SOUND = frozenset({"aac", "mp3", "ac3", "eac3", "alac", "opus", "flac"})
_LEAST_MP3_RATE = 16_000
"""Hz. MP3 below is MPEG 2.5, of which the standard of MP4 knows nothing."""


def copies_sound(codec: str, rate: int) -> bool:
    """Whether an MP4 can hold such sound as it is. ``rate`` in Hz, 0 where it is untold."""
    return codec in _COPIED_SOUND and not (codec == "mp3" and 0 < rate < _LEAST_MP3_RATE)


def takes_sound(codec: str) -> bool:
    """Whether sound of this codec can be worked on."""
    return codec in SOUNDS or codec in _PCM_CODECS
