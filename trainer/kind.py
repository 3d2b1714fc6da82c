"""Trainings, as the core sees them."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from common.base.settings import MIB, Settings
from common.contract import Intake, Kind, ModelOptions, Publisher, Work
from trainer.files import LORA, LOSSES, VALIDATION
from trainer.requests import ResolvedTraining, TrainRequest
from trainer.result import TrainingResult, TrainingShown, TrainingView
from trainer.variants import TrainingVariant

_USUAL_FRAMES = 33


class TrainingKind(Kind):
    """LoRAs from clips with captions."""

    name = "training"
    noun = "LoRA"
    less = "smaller or shorter clips"
    sized_by = "clips"

    request = TrainRequest
    option_bodies = frozenset({"TrainRequest"})
    uploads: Mapping[str, str] = {
        "clips": "ZIP of videos or pictures of one size, each with its caption beside it"
        " (one.mp4, one.txt), or all captions in metadata.jsonl (`file_name`, `text`).",
    }
    batch_examples: Mapping[str, Any] = {
        "requests": {
            "summary": "One archive at two ranks",
            "value": {
                "requests": [{"name": "kites-8", "rank": 8}, {"name": "kites-32", "rank": 32}]
            },
        }
    }

    resolved = ResolvedTraining
    nothing = ResolvedTraining(
        name="nothing",
        rank=1,
        steps=1,
        learning_rate=1e-4,
        validation_prompt="",
        width=16,
        height=16,
        num_frames=1,
        num_clips=1,
        fps=1,
        flow_shift=1,
        num_inference_steps=1,
        guidance_scale=1,
        seed=0,
    )
    result = TrainingResult
    result_view = TrainingView
    clip_view = TrainingShown

    files = (LORA, VALIDATION, LOSSES)
    routers = ("trainer.routes:router",)
    routes: Mapping[str, str] = {"POST /train": "the same as /generate, by its usual name"}
    creating = ("/train",)
    tags: tuple[Mapping[str, str], ...] = ()
    page = Path(__file__).with_name("page")

    def bounded(self, variant: TrainingVariant, _settings: Settings) -> TrainingVariant:
        """No setting bounds a training but those of its uploads."""
        return variant

    def page_limits(self, settings: Settings) -> Mapping[str, int]:
        """Of the archive."""
        return {"max_clips_bytes": int(settings.max_body_mb * MIB)}

    def intake(
        self,
        _model: str,
        options: type[ModelOptions],
        variant: TrainingVariant,
        settings: Settings,
    ) -> Intake:
        """Looks at clips, and resolves."""
        from trainer.intake import TrainingIntake

        return TrainingIntake(options, variant, settings)

    def publisher(self, settings: Settings) -> Publisher:
        """Writes the LoRA, and encodes what it has learnt."""
        from trainer.publisher import TrainingPublisher

        return TrainingPublisher.of(settings)

    def usual(self, variant: TrainingVariant) -> Iterator[ResolvedTraining]:
        """Clips of two seconds as large as they may be."""
        limits, defaults = variant.limits, variant.defaults
        side = int(limits.max_pixels**0.5) // limits.size_multiple * limits.size_multiple
        yield self.nothing.model_copy(
            update={
                "rank": defaults.rank,
                "steps": defaults.steps,
                "width": side,
                "height": side,
                "num_frames": min(_USUAL_FRAMES, limits.max_frames),
                "fps": limits.fps,
            }
        )

    def shape(self, request: ResolvedTraining) -> str:
        size = f"{request.width}x{request.height}x{request.num_frames}"
        examples = f"clips {request.num_clips} priors {len(request.prior_prompts)}"
        return f"{size} rank {request.rank} {examples}"

    def smaller(
        self, variant: TrainingVariant, request: ResolvedTraining
    ) -> Iterator[Iterator[tuple[str, ResolvedTraining]]]:
        multiple, least = variant.limits.size_multiple, variant.limits.min_side
        sizes = (
            tuple(
                max(least, int(side * share) // multiple * multiple)
                for side in (request.width, request.height)
            )
            for share in (0.75, 0.5, 0.25)
        )
        yield (
            (
                f"clips of {width}x{height}",
                request.model_copy(update={"width": width, "height": height}),
            )
            for width, height in sizes
        )
        yield (
            (f"clips of {frames} frames", request.model_copy(update={"num_frames": frames}))
            for frames in range(request.num_frames - 4, 0, -4)
        )

    def work(self, request: ResolvedTraining, cost: float) -> Work:
        pixels = request.width * request.height * request.num_frames
        return Work(cost, size=pixels, steps=request.steps)

    def together(self, _request: ResolvedTraining) -> str | None:
        """Each alone."""
        return None


TRAINING_KIND = TrainingKind()
