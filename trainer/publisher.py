"""From what was trained to the files of a finished job."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

from common.base.settings import Settings
from common.contract import Making, Phase
from common.media.codecs import EncoderSettings, resolve_codec
from common.media.credentials.manifest import Origin
from common.media.credentials.opening import open_credentials
from common.media.encoder import encode
from trainer.files import LORA, LOSSES, VALIDATION
from trainer.product import Trained
from trainer.requests import ResolvedTraining
from trainer.result import TrainingResult

if TYPE_CHECKING:
    from common.media.credentials.signing import Credentials

_TENTH = 10


@dataclass(frozen=True)
class TrainingPublisher:
    """Writes the LoRA first: it is what the job is for."""

    encoder: EncoderSettings
    credentials: "Credentials | None" = None

    @classmethod
    def of(cls, settings: Settings) -> "TrainingPublisher":
        """With the encoder that works here."""
        codec = resolve_codec(settings.video_encoder)
        encoder = EncoderSettings(codec=codec, crf=settings.video_crf)
        return cls(encoder, open_credentials(settings))

    def publish(self, product: Trained, making: Making) -> TrainingResult:
        """Raises EncodingFailed, CredentialsFailed, and what ``making.look`` raises."""
        file, resolved = making.folder / LORA.name, making.request
        assert isinstance(resolved, ResolvedTraining)  # noqa: S101  # the kind's own
        product.write(file, _told(making, resolved))
        _write_losses(product.losses, making.folder / LOSSES.name)
        video = encode(
            product.validation,
            making.folder / VALIDATION.name,
            self.encoder,
            {"title": resolved.validation_prompt[:80], "prompt": resolved.validation_prompt},
            on_chunk=lambda _frames: making.look(),
            on_frames_done=lambda _poster: _done(making),
            on_wait=making.look,
        )
        if self.credentials is not None:
            origin = Origin(making.model, making.checkpoint, resolved.validation_prompt)
            self.credentials.sign(video.path, origin, making.look)
        first, last = _ends(product.losses)
        return TrainingResult(
            folder=making.folder.name,
            size_bytes=file.stat().st_size,
            name=resolved.name,
            rank=resolved.rank,
            steps=resolved.steps,
            first_loss=first,
            last_loss=last,
            checkpoint=making.checkpoint.id,
            revision=making.checkpoint.revision,
            stands_in_for=making.checkpoint.stands_in_for,
            content_credentials=self.credentials is not None,
        )


def _done(making: Making) -> None:
    making.model_done()
    making.progress(Phase.ENCODING_VIDEO)


def _told(making: Making, resolved: ResolvedTraining) -> dict[str, str]:
    """Metadata: by names that trainers of LoRAs use (``ss_`` of kohya-ss/sd-scripts), and ours."""
    return {
        "ss_output_name": resolved.name,
        "ss_network_dim": str(resolved.rank),
        "ss_network_alpha": str(resolved.rank),
        "ss_learning_rate": str(resolved.learning_rate),
        "ss_max_train_steps": str(resolved.steps),
        "ss_base_model_version": making.checkpoint.id,
        "videosdgx": json.dumps(
            {
                "job_id": making.job_id,
                "checkpoint": making.checkpoint.id,
                "revision": making.checkpoint.revision,
                "seed": resolved.seed,
            }
        ),
    }


def _write_losses(losses: Sequence[float], path: Path) -> None:
    rows = (f"{step},{loss:.6g}\n" for step, loss in enumerate(losses, start=1))
    path.write_text("step,loss\n" + "".join(rows), encoding="utf-8")


def _ends(losses: Sequence[float]) -> tuple[float, float]:
    some = max(1, len(losses) // _TENTH)
    return round(fmean(losses[:some]), 6), round(fmean(losses[-some:]), 6)
