"""Makes the film, in the worker."""

import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from common.base.disk import disk_named
from common.media.clip import PixelFormat, VideoClip
from studio.files import CLIPS, VIDEO
from studio.operations.film.motion import closest
from studio.operations.film.plan import FilmPlan, ShotPlan, report_of
from studio.rendering.ffmpeg import Feed, Recipe, render
from studio.rendering.tools import Tools
from studio.tasks import Made

if TYPE_CHECKING:
    from studio.operations.film.planes import Planes

SILENT = "silent.mp4"


def make(plan: FilmPlan, _heard: None, tools: Tools) -> Made:
    """Raises EncodingFailed, StorageFull, and what ``tools.look`` raises."""
    report = dict(report_of(plan))
    if plan.clips:
        _clips(plan, tools)
        return Made(CLIPS.name, report)
    if "audio" not in tools.files:
        _encode(plan, tools, tools.folder / VIDEO.name)
        return Made(VIDEO.name, report)
    silent = tools.folder / SILENT
    try:
        _encode(plan, tools, silent)
        return Made(VIDEO.name, {**report, "audio": _with_music(plan, silent, tools)})
    finally:
        silent.unlink(missing_ok=True)


def _encode(plan: FilmPlan, tools: Tools, path: Path, done: float = 0, seconds: float = 0) -> None:
    """Frames are drawn while those before them are encoded.

    ``done`` of all ``seconds`` are there already, where it is one of several.
    """
    from common.media.encoder import encode  # numpy and OpenCV: no business of the API process
    from studio.operations.film.drawing import film_of

    def told(frames: int) -> None:
        tools.look()
        tools.tell(done + frames / plan.fps, seconds or plan.seconds)

    size = plan.num_frames, plan.width, plan.height, plan.fps
    frames = film_of(plan, lambda shot: _canvas(plan, shot, tools))
    encode(
        VideoClip(frames, *size, pixel_format=PixelFormat.YUV420P),
        path,
        tools.encoder,
        {},
        on_chunk=told,
        on_frames_done=lambda _poster: None,
        on_wait=tools.look,
    )


def _canvas(plan: FilmPlan, shot: ShotPlan, tools: Tools) -> "Planes":
    from studio.operations.film.canvas import canvas_of, open_picture
    from studio.operations.film.planes import Planes

    facts = tools.found[shot.image]
    picture = open_picture(tools.files[shot.image], facts.width * facts.height)
    size = plan.width, plan.height
    zoom = closest(shot.motion, plan.zoom)
    return Planes.of(canvas_of(picture, size, zoom, pads=plan.pads))


def _clips(plan: FilmPlan, tools: Tools) -> None:
    """One after the other into the ZIP, as they are: H.264 gets no smaller."""
    with zipfile.ZipFile(tools.folder / CLIPS.name, "w", zipfile.ZIP_STORED) as archive:
        done = 0.0
        for name, clip in _alone(plan):
            path = tools.folder / name
            _encode(clip, tools, path, done, plan.seconds)
            done += clip.seconds
            with disk_named():
                archive.write(path, name)
            path.unlink()
        with disk_named():
            archive.close()


def _alone(plan: FilmPlan) -> Iterator[tuple[str, FilmPlan]]:
    digits = max(3, len(str(len(plan.shots))))
    for number, shot in enumerate(plan.shots, 1):
        alone = {"shots": (shot,), "seconds": shot.frames / plan.fps}
        yield f"{number:0{digits}d}.mp4", plan.model_copy(update=alone)


def _with_music(plan: FilmPlan, silent: Path, tools: Tools) -> Mapping[str, float]:
    """The picture is copied as it is."""
    seconds = tools.found["audio"].seconds
    looped = ("-stream_loop", "-1") if plan.loops else ()
    output = (
        *("-map", "0:v:0", "-map", "[sound]"),
        *("-c:v", "copy", "-c:a", "aac", "-b:a", "192k"),
        *("-t", f"{plan.seconds:.6f}", "-movflags", "+faststart", "-f", "mp4"),
    )
    feeds = (Feed(silent), Feed(tools.files["audio"], looped))
    render(Recipe(feeds, music_filter(plan), output, VIDEO.name, plan.seconds), tools)
    cut = max(0.0, seconds - plan.seconds)
    return {"times_played": round(plan.seconds / seconds, 3), "cut_seconds": round(cut, 3)}


def music_filter(plan: FilmPlan) -> str:
    """As long as the film, and silent at its end. Nothing else is done to it."""
    steps = [f"atrim=duration={plan.seconds:.6f}", "aresample=48000"]
    if plan.fade_out:
        begins = plan.seconds - plan.fade_out
        steps.append(f"afade=t=out:st={begins:.6f}:d={plan.fade_out:.6f}")
    return f"[1:a:0]{','.join(steps)},apad=whole_dur={plan.seconds:.6f}[sound]"
