"""When a job will be done, as clients read it."""

from datetime import UTC, datetime, timedelta

from pydantic import BaseModel, Field

from common.jobs.estimates.line import Eta


class EtaView(BaseModel):
    """When it will be done. Learnt from past jobs; all null until one has been completed.

    Other models that want the GPU are not foreseen.
    """

    seconds_left: float | None = Field(None, description="Until its end.")
    queue_seconds: float | None = Field(None, description="Until it starts, behind those ahead.")
    run_seconds: float | None = Field(
        None, description="Of its whole run, with loading where the model is not in memory."
    )
    finish_at: datetime | None = None
    past_runs: int = Field(
        0, description="Completed jobs of this checkpoint that this rests on; with 0 it is unknown."
    )


class EtaErrors(BaseModel):
    """How good the first estimates were, over the last completed jobs that had one."""

    jobs: int = Field(description="How many.")
    median: float | None = Field(description="Median of |true - estimated| / true, in seconds.")


def eta_view(eta: Eta | None, at: float, past_runs: int) -> EtaView:
    """An estimate made ``at`` seconds since the epoch."""
    if eta is None:
        return EtaView(past_runs=past_runs)
    end = datetime.fromtimestamp(at, UTC) + timedelta(seconds=eta.seconds_left)
    return EtaView(
        seconds_left=round(eta.seconds_left, 1),
        queue_seconds=round(eta.queue_seconds, 1),
        run_seconds=round(eta.run_seconds, 1),
        finish_at=end,
        past_runs=past_runs,
    )


def moved(one: EtaView | None, other: EtaView | None) -> bool:
    """Whether the end that was said is no longer true: by more than 2 s and a tenth of the rest."""
    ends = [view.finish_at for view in (one, other) if view is not None and view.finish_at]
    if len(ends) < 2 or other is None:
        return (one is None or one.finish_at is None) != (other is None or other.finish_at is None)
    shift = abs((ends[1] - ends[0]).total_seconds())
    return shift > max(2.0, 0.1 * (other.seconds_left or 0.0))
