"""Edits, as the core sees them."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from common.base.settings import MIB, Settings
from common.contract import Intake, Kind, ModelOptions, Preparer, Publisher, Work
from studio.bounds import Bounds
from studio.estimates import beside_of
from studio.examples import BATCHES, NOTHING
from studio.files import FILES
from studio.operations import OPERATIONS
from studio.requests import ResolvedStudio, StudioRequest
from studio.result import StudioResult, StudioShown, StudioView
from studio.variants import StudioVariant


class StudioKind(Kind):
    """Whatever is made of films, sound and pictures that are there."""

    name = "edit"
    noun = "file"
    less = "a shorter or smaller video"
    sized_by = "task"

    request = StudioRequest
    option_bodies = frozenset[str]()
    uploads: Mapping[str, str] = {
        "video": "The video that is worked on.",
        "audio": "Sound: of its own, or of a video.",
        "captions": "SRT, WebVTT or ASS.",
        "overlay": "A picture that is laid over a video.",
        "images": "A ZIP of pictures.",
    }
    batch_examples: Mapping[str, Any] = BATCHES

    resolved = ResolvedStudio
    nothing = NOTHING
    result = StudioResult
    result_view = StudioView
    clip_view = StudioShown

    files = FILES
    takes: Mapping[str, str] = {"video": "video.mp4"}
    routers = (
        *("studio.routes:router", "studio.template_routes:router", "studio.plan_routes:router"),
        *("studio.openai.routes:router", "common.api.openai.models:router"),
    )
    routes: Mapping[str, str] = {
        **{f"POST {each.path}": each.summary for each in OPERATIONS},
        "GET /video/templates": "Templates of edits",
        "POST /v1/audio/transcriptions": "What is said, as OpenAI's Audio API answers it",
        "POST /v1/audio/translations": "The same in English",
    }
    creating = tuple(each.path for each in OPERATIONS)
    waiting = ("/v1/audio/(transcriptions|translations)",)
    tags: tuple[Mapping[str, str], ...] = (
        {"name": "Cutting room", "description": "One route for each operation."},
    )
    page = Path(__file__).with_name("page")

    def bounded(self, variant: StudioVariant, _settings: Settings) -> StudioVariant:
        return variant

    def page_limits(self, settings: Settings) -> Mapping[str, int]:
        return {"max_bytes": int(settings.max_body_mb * MIB)}

    def intake(
        self,
        _model: str,
        _options: type[ModelOptions],
        variant: StudioVariant,
        settings: Settings,
    ) -> Intake:
        """Looks at files, and plans."""
        from studio.intake import StudioIntake

        return StudioIntake.of(variant, settings)

    def publisher(self, settings: Settings) -> Publisher:
        """Makes it."""
        from studio.publisher import StudioPublisher

        return StudioPublisher.of(settings)

    def preparer(self, variant: StudioVariant, settings: Settings) -> Preparer | None:
        """Fetches what is named by an address, where that is allowed."""
        from studio.fetching import Fetcher
        from studio.objects import Objects
        from studio.preparing import StudioPreparer

        bounds = Bounds.of(settings, variant.limits.max_seconds)
        objects = Objects(settings, bounds.max_bytes)
        return StudioPreparer(Fetcher(settings, bounds.max_bytes, objects=objects.way), bounds)

    def usual(self, _variant: StudioVariant) -> Iterator[ResolvedStudio]:
        """Nothing: operations on files bring their own size."""
        yield NOTHING

    def shape(self, request: ResolvedStudio) -> str:
        plan = request.plan
        return f"{request.title} {plan.width}x{plan.height}" if plan else request.title

    def beside(self, request: ResolvedStudio) -> int:
        plan = request.plan
        if request.needs_model or plan is None:
            return 0
        return beside_of(plan.width * plan.height) + plan.bytes_beside

    def smaller(
        self, _variant: StudioVariant, _request: ResolvedStudio
    ) -> Iterator[Iterator[tuple[str, ResolvedStudio]]]:
        """A file is as large as it is."""
        yield iter(())

    def work(self, request: ResolvedStudio, cost: float) -> Work:
        plan = request.plan
        frames = plan.seconds * (plan.fps or 1) * max(1, plan.width * plan.height) if plan else 1
        return Work(cost, size=int(frames), steps=1, way=request.title)

    def together(self, _request: ResolvedStudio) -> str | None:
        """Each alone."""
        return None


STUDIO_KIND = StudioKind()
