"""What follows from an answer: the end of a delivery, or the moment of its next attempt."""

from collections.abc import Sequence

from common.jobs.outbox import Delivery, DeliveryState
from common.jobs.webhooks.post import Answer

GONE = 410
JITTER = 0.1
"""A wait is longer by up to this share, so that what failed together is not tried together."""
MAX_RETRY_AFTER_SECONDS = 86_400.0


def after(delivery: Delivery, answer: Answer, waits: Sequence[float], chance: float) -> Delivery:
    """The delivery after one more attempt. ``chance`` is drawn from 0 to 1.

    2xx is success, 410 says that nothing more is wanted, everything else is tried again, a
    redirect too. A receiver may ask for a longer wait (Retry-After), never for a shorter one.
    """
    attempts = (*delivery.attempts, answer.attempt)
    state, wait = DeliveryState.PENDING, 0.0
    status = answer.attempt.status or 0
    if 200 <= status < 300:
        state = DeliveryState.DELIVERED
    elif status == GONE:
        state = DeliveryState.GONE
    elif len(attempts) > len(waits):
        state = DeliveryState.GIVEN_UP
    else:
        wished = min(answer.retry_after or 0.0, MAX_RETRY_AFTER_SECONDS)
        wait = max(waits[len(attempts) - 1], wished) * (1 + JITTER * chance)
    changes = {"attempts": attempts, "state": state, "next_at": answer.attempt.at + wait}
    changes["wait"] = wait
    return delivery.model_copy(update=changes)
