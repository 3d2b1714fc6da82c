"""Which scheme a checkpoint is loaded in: what the job's memory is asked for and what is loaded.

The rule knows nothing that changes while services run, neither what is free nor what was measured,
so that a model is not loaded in another scheme from one time to the next
(docs/decisions/0019-the-most-accurate-that-fits.md).
"""

from collections.abc import Callable

from common.contract import Quantization
from common.contract.schemes import BY_ACCURACY, Choice, missing_package
from common.memory.words import in_gb


def choose(
    asked: Quantization,
    default: Quantization,
    needed_bytes: Callable[[Quantization], int],
    capacity_bytes: int,
) -> Choice:
    """The scheme to load, and why.

    Args:
        asked: the setting, or ``default`` where nothing is set.
        default: the model's own.
        needed_bytes: of a worker with the weights in a scheme and the largest usual job; called
            for ``auto`` alone.
        capacity_bytes: the most that one job could ever get here.
    """
    if asked is not Quantization.AUTO:
        if asked is default:
            return Choice(asked, "the model's default")
        return Choice(asked, f"set by QUANTIZATION; the model's default is {default}")
    candidates = [scheme for scheme in BY_ACCURACY if missing_package(scheme) is None]
    needed = {scheme: needed_bytes(scheme) for scheme in candidates}
    pool = f"the pool has {in_gb(capacity_bytes)}"
    for scheme in candidates:
        if needed[scheme] <= capacity_bytes:
            return Choice(scheme, f"auto: {_sizes(needed, scheme)}, and {pool}")
    smallest = candidates[-1]
    return Choice(smallest, f"auto: the smallest; {_sizes(needed, smallest)}, and {pool}")


def _sizes(needed: dict[Quantization, int], last: Quantization) -> str:
    """Of all that was looked at, the most accurate first."""
    schemes = list(needed)
    looked_at = schemes[: schemes.index(last) + 1]
    return ", ".join(f"{scheme} takes {in_gb(needed[scheme])}" for scheme in looked_at)
