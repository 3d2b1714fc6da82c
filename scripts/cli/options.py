"""The options of the commands, each described once."""

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from scripts.cli.errors import WRONG, CliError

Service = Annotated[
    str | None,
    typer.Option(
        "--service", "-s", envvar="VIDEOSDGX_URL", help="Name or URL; the first of all if not said."
    ),
]
Key = Annotated[
    str | None,
    typer.Option(
        "--api-key",
        envvar="VIDEOSDGX_API_KEY",
        show_envvar=True,
        help="Better in the environment: other users of the machine see a command's words.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]
JobId = Annotated[str, typer.Argument(metavar="ID", help="As `videosdgx list` shows it.")]
JobIds = Annotated[list[str], typer.Argument(metavar="ID...", help="One or more.")]
Output = Annotated[
    str | None,
    typer.Option(
        "--output",
        "-o",
        help="File, folder (a / at its end makes one), or - for standard output; "
        "the video's own name if not said.",
    ),
]
Force = Annotated[
    bool, typer.Option("--force", help="Overwrite the file; write a video to a terminal.")
]
CancelOnInterrupt = Annotated[
    bool, typer.Option("--cancel-on-interrupt", help="Ctrl+C cancels the job.")
]
States = Annotated[
    list[str] | None, typer.Option("--state", help="Only these; may be given again and again.")
]
Limit = Annotated[int, typer.Option("--limit", "-n", min=1, max=100, help="How many.")]

Count = Annotated[int, typer.Option("--limit", "-n", min=1, help="How many, from the front.")]
Before = Annotated[
    str | None, typer.Option("--before", metavar="ID", help="Right before this queued job.")
]
After = Annotated[
    str | None, typer.Option("--after", metavar="ID", help="Right after this queued job.")
]
Front = Annotated[bool, typer.Option("--front", help="Before all others.")]
End = Annotated[bool, typer.Option("--end", help="After all others.")]

Models = Annotated[list[str] | None, typer.Argument(metavar="MODEL...", help="All when left out.")]
Adopt = Annotated[
    bool, typer.Option("--adopt", help="Also where the outputs belong to another job database.")
]
Model = Annotated[str, typer.Argument(metavar="MODEL", help="The service's name.")]
Backup = Annotated[
    Path | None, typer.Option("--from", help="A backup; the newest of the service when left out.")
]
Empty = Annotated[bool, typer.Option("--empty", help="An empty table instead of a backup.")]

# Of generate

Prompt = Annotated[str | None, typer.Argument(help="What the video shows.")]
Template = Annotated[str | None, typer.Option(help="In place of a prompt: see `presets`.")]
Variables = Annotated[
    list[str] | None, typer.Option("--variable", "-v", metavar="NAME=TEXT", help="Of the template.")
]
Preset = Annotated[str | None, typer.Option("--preset", "-p", help="draft, standard or high.")]
Priority = Annotated[Literal["low", "normal", "high"] | None, typer.Option(help="In the queue.")]
Webhook = Annotated[str | None, typer.Option(help="Called when the job has ended.")]
Negative = Annotated[str | None, typer.Option(help="What it should not show.")]
Enhance = Annotated[
    bool, typer.Option("--enhance-prompt", help="Have the prompt rewritten, where that can be.")
]
Duration = Annotated[float | None, typer.Option("--duration", "-d", help="Seconds.")]
Frames = Annotated[int | None, typer.Option(help="Length in frames, in place of seconds.")]
Resolution = Annotated[str | None, typer.Option("--resolution", "-r", help="As in 832x480.")]
Fps = Annotated[float | None, typer.Option(help="Frames a second.")]
Seed = Annotated[int | None, typer.Option(help="Same seed, same video.")]
Steps = Annotated[
    int | None, typer.Option("--num-inference-steps", "--steps", help="Denoising steps.")
]
Guidance = Annotated[float | None, typer.Option("--guidance-scale", "--guidance", help="1 is off.")]
Audio = Annotated[
    bool | None, typer.Option("--generate-audio/--no-generate-audio", help="Sound, or none.")
]
Undo = Annotated[bool, typer.Option("--undo", help="Keep them no more.")]
Smoother = Annotated[
    int | None, typer.Option("--interpolate", help="Frame rate times 2 to this power: 1 or 2.")
]
Larger = Annotated[int | None, typer.Option("--upscale", help="Sides times 2 or 4.")]
Upscaler = Annotated[
    str | None,
    typer.Option(help="What makes them larger: realesr-animevideov3, realesrgan-x4plus, latent."),
]
TwoStages = Annotated[
    bool | None,
    typer.Option(
        "--two-stages/--no-two-stages", help="Half of the sides first, on models that can."
    ),
]
Loras = Annotated[
    list[str] | None,
    typer.Option("--lora", metavar="NAME[=STRENGTH]", help="Again and again: see `GET /loras`."),
]
ModelOptions = Annotated[
    list[str] | None,
    typer.Option("--option", metavar="NAME=VALUE", help="The model's own; the value may be JSON."),
]
Fields = Annotated[
    list[str] | None,
    typer.Option("--field", metavar="NAME=VALUE", help="Any other field of the request."),
]
_FRAME = "FILE|ID[:FRAME]"
Image = Annotated[
    str | None,
    typer.Option(metavar=_FRAME, help="First frame: a file's, or a job's (its last if not said)."),
]
LastImage = Annotated[str | None, typer.Option(metavar=_FRAME, help="Last frame, likewise.")]
Keyframes = Annotated[
    list[str] | None,
    typer.Option(
        "--keyframe",
        metavar=f"{_FRAME}@N",
        help="What frame N shows, -1 the last; again and again.",
    ),
]
References = Annotated[
    list[str] | None,
    typer.Option(
        "--reference-image",
        metavar=_FRAME,
        help="Who or what it shows, as no frame of it; again and again.",
    ),
]
Video = Annotated[
    str | None,
    typer.Option(metavar="FILE|ID", help="To go on from or, with --strength, to make anew."),
]
Strength = Annotated[
    float | None,
    typer.Option(help="How far --video is made anew, up to 1; 0: only smoother or larger."),
]
Extend = Annotated[str | None, typer.Option(metavar="ID", help="Whose video goes on.")]
Retake = Annotated[
    str | None, typer.Option(metavar="ID:FROM:TO", help="Seconds of a video to make anew.")
]
IdempotencyKey = Annotated[
    str | None, typer.Option(help="The same key makes no second job. One is drawn if not given.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be made; make nothing.")]
NoCache = Annotated[
    bool, typer.Option("--no-cache", help="Make it, even where this seed's was made before.")
]
Wait = Annotated[bool, typer.Option("--wait", "-w", help="Until it has ended, with a bar.")]


def pairs(option: str, given: list[str] | None) -> dict[str, str]:
    """``NAME=VALUE``, several times. Raises CliError: there is no ``=``."""
    found = {}
    for text in given or ():
        name, separator, value = text.partition("=")
        if not (name and separator):
            raise CliError(
                f"{text!r} has no name and value.",
                status=WRONG,
                param=option,
                hint=f"As in {option} name=value.",
            )
        found[name] = value
    return found


def refined(exp: int | None, scale: int | None, upscaler: str | None) -> dict[str, Any]:
    """The fields of a request that say what becomes of its frames; the service judges values."""
    smoother = {"enable_frame_interpolation": True, "frame_interpolation_exp": exp}
    larger = {"enable_upscaling": True, "upscaling_scale": scale, "upscaler": upscaler}
    asked = scale is not None or upscaler is not None
    return ({} if exp is None else smoother) | (larger if asked else {})


def loras(given: list[str] | None) -> list[dict[str, Any]] | None:
    """``NAME`` or ``NAME=STRENGTH``, several times. Raises CliError: the strength is no number."""
    found = []
    for text in given or ():
        name, separator, strength = text.partition("=")
        try:
            found.append({"name": name, "strength": float(strength) if separator else 1.0})
        except ValueError:
            raise CliError(
                f"{text!r}: the strength is no number.",
                status=WRONG,
                param="--lora",
                hint="As in --lora name=0.8.",
            ) from None
    return found or None


def values(option: str, given: list[str] | None) -> dict[str, Any]:
    """The same, where a value may be JSON; what is none is text."""
    return {name: _value(text) for name, text in pairs(option, given).items()}


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
