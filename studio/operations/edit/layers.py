"""What lies over a film, as filters: overlays, texts that were drawn, fades."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from studio.operations.edit.plan import EditPlan, Picture, Shown
from studio.operations.edit.texts import drawn
from studio.rendering.ffmpeg import Feed
from studio.rendering.tools import Tools

_ACROSS: Mapping[str, str] = {"left": "{margin}", "right": "W-w-{margin}"}
_DOWN: Mapping[str, str] = {"top": "{margin}", "bottom": "H-h-{margin}"}


@dataclass(frozen=True)
class Layer:
    """One picture, and how it lies there."""

    feed: Feed
    shown: Shown
    filters: str


def layers(plan: EditPlan, tools: Tools) -> list[Layer]:
    """Pictures first, and the texts over them."""
    pictures = [Layer(Feed(tools.files[one.source]), one, _scaled(one)) for one in plan.pictures]
    texts = [Layer(Feed(drawn(one, plan.width)), one, "format=rgba") for one in plan.words]
    return [*pictures, *texts]


def over(plan: EditPlan, laid: Sequence[Layer], first: int) -> str:
    """From ``[picture]`` to ``[film]``; the layers are inputs from ``first`` on.

    Captions are an ASS that lies beside the recipe, as ``captions``.
    """
    steps = list[str]()
    for i, layer in enumerate(laid):
        below = f"l{i}" if i else "picture"
        steps.append(f"[{first + i}:v:0]{layer.filters}[p{i}]")
        steps.append(
            f"[{below}][p{i}]overlay={_place(layer.shown)}:{_while(plan, layer.shown)}[l{i + 1}]"
        )
    top = f"l{len(laid)}" if laid else "picture"
    return ";".join([*steps, f"[{top}]{','.join(_last(plan)) or 'null'}[film]"])


def _scaled(one: Picture) -> str:
    opaque = [] if one.opacity == 1 else [f"colorchannelmixer=aa={one.opacity}"]
    return ",".join([f"format=rgba,scale={one.width}:{one.height}:flags=bicubic", *opaque])


def _place(shown: Shown) -> str:
    words = shown.place.split("-")
    across = next((_ACROSS[word] for word in words if word in _ACROSS), "(W-w)/2")
    down = next((_DOWN[word] for word in words if word in _DOWN), "(H-h)/2")
    return f"x={across}:y={down}".format(margin=shown.margin)


def _while(plan: EditPlan, shown: Shown) -> str:
    """Half a frame early: times are decimals."""
    if (shown.start, shown.end) == (0, plan.frames):
        return "enable=1"
    start, end = (float((frame - 0.5) / plan.rate) for frame in (shown.start, shown.end))
    return f"enable='between(t,{start:.6f},{end:.6f})'"


def _last(plan: EditPlan) -> Iterator[str]:
    if plan.hears:
        yield "ass=f={captions}"
    if plan.fade_in:
        yield f"fade=t=in:d={plan.fade_in:.6f}"
    if plan.fade_out:
        yield f"fade=t=out:st={max(0, plan.seconds - plan.fade_out):.6f}:d={plan.fade_out:.6f}"
