"""The filter graph of ``addaudio``: what is added, as long as the video, and what stays beside it.

Input 0 is the video, input 1 what is added. Whatever it was, sound becomes stereo at 48 kHz.
"""

from pydantic import BaseModel, ConfigDict

from studio.rendering.loudness import LIMITER

RATE = 48000
_STEREO = "aformat=sample_fmts=fltp:channel_layouts=stereo"
ALIGNED = f"aresample={RATE}:async=1:first_pts=0,{_STEREO}"
"""Sample n is what is heard at n / 48000 s: gaps, and a late beginning, are silent."""

_SPEECH = "highpass=f=120,lowpass=f=6000"
_DUCK = "sidechaincompress=threshold=0.02:ratio=10:attack=20:release=400:makeup=1:level_sc=1"
"""Speech lies about 14 dB above this threshold (-34 dB): the music goes down by some 12 dB."""


class Mix(BaseModel):
    """How two sounds become one."""

    model_config = ConfigDict(frozen=True)

    mixes: bool = False
    """The video's own sound stays."""
    ducks: bool = False
    heard: float = 0
    """Seconds after which what is added ends."""
    gain: float = 0
    fade_in: float = 0
    fade_out: float = 0


def graph(mix: Mix, seconds: float) -> str:
    """Makes ``[sound]``, which plays so many seconds."""
    added = f"[1:a:0]{','.join(_added(mix, seconds))}"
    if not mix.mixes:
        return f"{added}[sound]"
    own = f"[0:a:0]{ALIGNED},{_exactly(seconds)}"
    both = f"amix=inputs=2:normalize=0,{LIMITER}[sound]"
    if not mix.ducks:
        return f"{own}[own];{added}[added];[own][added]{both}"
    key = f"{own},asplit[own][heard];[heard]{_SPEECH}[key]"
    return f"{key};{added}[added];[added][key]{_DUCK}[ducked];[own][ducked]{both}"


def _added(mix: Mix, seconds: float) -> list[str]:
    steps = [ALIGNED, f"atrim=duration={mix.heard:.6f}"]
    if mix.gain:
        steps.append(f"volume={mix.gain}dB")
    if mix.fade_in:
        steps.append(f"afade=t=in:d={mix.fade_in}")
    if mix.fade_out:
        steps.append(f"afade=t=out:st={mix.heard - mix.fade_out:.6f}:d={mix.fade_out}")
    return [*steps, _exactly(seconds)]


def _exactly(seconds: float) -> str:
    return f"apad=whole_dur={seconds:.6f},atrim=duration={seconds:.6f}"
