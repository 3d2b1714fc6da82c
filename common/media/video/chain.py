"""The filters that make a video's frames what a player would show, in sRGB."""

from dataclasses import dataclass
from fractions import Fraction

from common.media.video.header import FirstFrame, Track
from common.media.video.seeking import Seek, seek_to

_UNTOLD = 2
_BT709, _BT601, _BT2020 = 1, 6, 9
"""Matrices and primaries of ITU-T H.273, whose numbers the filters take too."""
_HDR = frozenset({16, 18})
"""Transfers: PQ and HLG."""
_WIDE = frozenset({9, 11, 12})
"""Primaries: BT.2020, and the two of P3."""
_TRANSFERS = frozenset({1, 4, 5, 6, 8, 13, 14, 15}) | _HDR
"""Those that the filters can make linear."""
_HD_LINES = 720
"""Untold colours are BT.709 from here on, as browsers and players have it."""

_WHITE_NITS = 203
"""Of HDR, what SDR shows as white (ITU-R BT.2408, table 1)."""
_PEAK = 1000 / _WHITE_NITS
"""Over white: of HLG (BT.2100), and what most PQ is graded for."""
_CURVE = f"tonemap=mobius:param=0.6:peak={_PEAK:.3f}:desat=0"
"""Leaves what is below 0.6 of white alone, and presses all above into the rest."""

_SCALE = "bicubic+accurate_rnd+full_chroma_int+full_chroma_inp"
"""swscale's quick paths are off by several levels."""
SLACK = 2
"""Frames that rounding to another rate may leave out at the end of a video."""
_ON_WHITE = (
    "format=gbrap,split[top][page];[page]lutrgb=r=255:g=255:b=255:a=255[white];"
    "[white][top]overlay=format=gbrp"
)


@dataclass(frozen=True)
class Take:
    """``count`` frames at ``fps`` from ``start`` on, in one size, whatever their shape was.

    The last frame stands for ``slack`` that may be missing behind it.
    """

    fps: float
    count: int
    width: int
    height: int
    start: int = 0
    slack: int = 0

    @property
    def bytes_a_frame(self) -> int:
        """In RGB, 8 bits each."""
        return self.width * self.height * 3

    @property
    def rate(self) -> str:
        """Frames a second, as the filters are told."""
        return f"{self.fps:g}"

    def sought(self, frame: FirstFrame, run_up: float | None) -> Seek | None:
        """The way to it in a video that begins with ``frame``, as ``seek_to`` has it."""
        return seek_to(frame, Fraction(self.rate), self.start, self.count, run_up)


def chain(track: Track, frame: FirstFrame, take: Take, seek: Seek | None = None) -> str:
    """Filters for the frames of a take, in RGB; of all frames, or of those behind a seek.

    Interlaced frames lose their comb, HDR and wide colours become sRGB, and what can be seen
    through is laid on white. FFmpeg itself turns them upright.
    """
    even = ["bwdif=mode=send_frame:deint=interlaced"] if frame.interlaced else []
    scale = f"scale={take.width}:{take.height}:flags={_SCALE}"
    hdr, alpha = frame.transfer in _HDR, frame.alpha or track.alpha_beside
    wide = hdr or frame.primaries in _WIDE
    told = _told(track, frame, hdr=hdr)
    srgb = _to_srgb(hdr=hdr, alpha=alpha) if wide else []
    last = [_ON_WHITE] if alpha else []
    steady = [f"fps={take.rate}", *_taken(take, seek)]
    return ",".join([*even, *steady, *told, scale, *srgb, *last, "format=rgb24"])


def _taken(take: Take, seek: Seek | None) -> list[str]:
    longer = [f"tpad=stop={take.slack}:stop_mode=clone"] if take.slack else []
    if seek is not None:
        return [*longer, *seek.filters]
    return [*longer, f"trim=start_frame={take.start}"] if take.start else longer


def _told(track: Track, frame: FirstFrame, *, hdr: bool) -> list[str]:
    """Says what the file does not, or what FFmpeg does not hear."""
    wide = hdr or frame.primaries in _WIDE
    usual = _BT2020 if wide else _BT709 if track.height >= _HD_LINES else _BT601
    told = []
    if track.codec == "vp8":
        told += [f"colorspace={frame.matrix}", f"range={frame.levels}"]
    elif frame.matrix == _UNTOLD and not frame.rgb:
        told.append(f"colorspace={usual}")
    if hdr and frame.primaries == _UNTOLD:
        told.append(f"color_primaries={_BT2020}")
    if wide and frame.transfer not in _TRANSFERS:
        told.append(f"color_trc={_BT709}")
    return [f"setparams={':'.join(told)}"] if told else []


def _to_srgb(*, hdr: bool, alpha: bool) -> list[str]:
    light = f"zscale=t=linear:npl={_WHITE_NITS if hdr else 100}"
    exact = "format=gbrapf32le" if alpha else "format=gbrpf32le"
    curve = [_CURVE] if hdr else []
    return [light, exact, "zscale=p=bt709", *curve, "zscale=t=bt709:m=gbr:r=full"]
