"""The number format that the tests run in: COMPUTE_DTYPE, or else what suits this CPU."""

import os
from typing import Any

from common.contract import LoadOptions
from common.contract.compute_dtype import AUTO, choose_compute_dtype

COMPUTE_DTYPE = choose_compute_dtype(os.environ.get("COMPUTE_DTYPE") or AUTO, on_gpu=False).dtype


def on_cpu(**options: Any) -> LoadOptions:
    """To load a model as the tests' services do."""
    return LoadOptions(**{"device": "cpu", "compute_dtype": COMPUTE_DTYPE, **options})
