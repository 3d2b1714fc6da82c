"""What is written into a video about itself."""

from common.contract.hub import Checkpoint
from common.jobs.model import Job


def tags_of(job: Job, checkpoint: Checkpoint) -> dict[str, str]:
    """The MP4's metadata: enough to make the same video again."""
    resolved = job.resolved
    stand_in = {"stands_in_for": checkpoint.stands_in_for} if checkpoint.stands_in_for else {}
    return {
        "title": resolved.prompt[:80],
        "prompt": resolved.prompt,
        "seed": str(resolved.seed),
        "model": job.model,
        "checkpoint": checkpoint.id,
        "revision": checkpoint.revision,
        **stand_in,
        "parameters": resolved.model_dump_json(exclude={"prompt"}),
    }
