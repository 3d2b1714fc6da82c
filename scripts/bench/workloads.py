"""What is asked of each model: sizes at which a measurement means something on a CPU."""

from dataclasses import dataclass
from typing import Any

PROMPT = "A cat walking on a beach at sunset"


@dataclass(frozen=True)
class Workload:
    """Requests for tiny weights.

    ``phases`` stays seconds in every phase. ``short`` takes about a second, so that a millisecond
    more is seen in it. ``steps`` has many steps, each a good part of a second, to cancel among.
    """

    phases: dict[str, Any]
    short: dict[str, Any]
    steps: dict[str, Any]


def _request(size: str, num_frames: int, steps: int, guidance: float) -> dict[str, Any]:
    return {
        "prompt": PROMPT,
        "seed": 42,
        "resolution": size,
        "num_frames": num_frames,
        "num_inference_steps": steps,
        "guidance_scale": guidance,
    }


WORKLOADS = {
    "wan21": Workload(
        phases=_request("832x480", 17, 10, 5),
        short=_request("128x128", 9, 8, 5),
        steps=_request("832x480", 33, 100, 5),
    ),
    "ltx2": Workload(
        phases=_request("768x512", 49, 10, 3),
        short=_request("128x128", 17, 8, 3),
        steps=_request("1024x576", 121, 100, 3),
    ),
}
