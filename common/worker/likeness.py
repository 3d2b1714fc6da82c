"""What a job is made of, written with its result: the same request later gets the same files."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from common.base.errors import CheckpointError
from common.contract.fingerprints import Fingerprints, digest
from common.contract.variants import Checkpoint
from common.jobs.model import Job
from common.worker.context import RunningJob


@dataclass(frozen=True)
class Likeness:
    """Of one worker's jobs; ``inputs`` is the folder of their uploads."""

    fingerprints: Fingerprints
    inputs: Path

    def of(self, job: Job, checkpoint: Checkpoint) -> str | None:
        """What the job is made of now; None where that cannot be told, which costs it nothing."""
        if self.fingerprints.decisive(job.resolved) is None:  # uploads can be large
            return None
        with suppress(OSError, CheckpointError):
            digests = {}
            for field, name in job.resolved.uploads.items():
                with (self.inputs / name).open("rb") as file:
                    digests[field] = digest(file)
            return self.fingerprints.of(job.resolved, digests, checkpoint)
        return None

    def told(self, running: RunningJob, checkpoint: Checkpoint) -> dict[str, str | None]:
        """A LoRA that was replaced meanwhile may have been used, or not."""
        began = running.fingerprint
        same = began is not None and began == self.of(running.job, checkpoint)
        return {"fingerprint": began if same else None}
