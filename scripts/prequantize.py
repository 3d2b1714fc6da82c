"""Make the quantized weights ahead of time: ``python -m scripts.prequantize [MODEL ...]``.

The first job does it too, and waits for it. Takes the settings of the services, so that what is
kept is what they will look for.
"""

import argparse
import sys
import time
from collections.abc import Sequence

from common.base.errors import VideosDGXError
from common.base.settings import GIB, load_settings
from common.contract import LoadReport
from common.contract.finding import load_spec
from common.contract.hub import choose_variant, locate
from common.memory.demand import Appraiser
from common.memory.opening import pool_size
from common.worker.load_options import load_options
from scripts.services import MODELS


def main(arguments: Sequence[str] | None = None) -> int:
    """Load each model once, with the cache on; answers how many failed."""
    parser = argparse.ArgumentParser(description="Make the quantized weights ahead of time.")
    parser.add_argument("models", nargs="*", metavar="MODEL", help="all when left out")
    models = parser.parse_args(arguments).models or list(MODELS)
    return sum(not _prequantize(model) for model in models)


def _prequantize(model: str) -> bool:
    started = time.monotonic()
    try:
        report = _load(model)
    except VideosDGXError as exc:
        print(f"{model}: {exc.body.in_full}", file=sys.stderr)
        return False
    done = "was there already" if report.from_cache else "is ready"
    size = report.weight_bytes / GIB
    seconds = time.monotonic() - started
    print(f"{model}: {report.quantization} {done}: {size:.1f} GiB in memory, {seconds:.0f} s")
    return True


def _load(model: str) -> LoadReport:
    settings, spec = load_settings(model), load_spec(f"{model}.model_config:SPEC")
    checkpoint = locate(settings.models_dir, choose_variant(spec, settings.checkpoint))
    reports: list[LoadReport] = []
    choice = Appraiser.of(spec, settings, *pool_size(settings)).choice(checkpoint)
    options = load_options(
        settings, checkpoint, choice, on_bytes=lambda *_: None, on_report=reports.append
    )
    spec.load(checkpoint.path, options)
    return reports[0]


if __name__ == "__main__":
    sys.exit(main())
