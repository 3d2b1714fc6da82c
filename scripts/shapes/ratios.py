"""Measures what MagCache goes by: ``python -m scripts.shapes.ratios``.

How the length of what the blocks add changes from step to step, the mean over scenes that no
training showed, of the pass with the prompt; written beside the weights as ``mag_ratios.json``.
"""

import argparse
import json
import statistics
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import common.runtime.libraries  # noqa: F401

from diffusers import MagCacheConfig

from common.contract import ModelSpec
from common.runtime.step_cache import RATIOS_FILE
from scripts.shapes.asking import PLAIN
from scripts.shapes.assemble import write_sums
from scripts.shapes.local import loaded, request_for
from scripts.shapes.obeys import kept_back_scenes
from scripts.shapes.weights import HERE, MODELS, install
from scripts.unwatched import Unwatched

STEPS = int(PLAIN["num_inference_steps"])


def measured(spec: ModelSpec, pipeline: Any) -> list[float]:
    """A ratio for each step; the first is 1."""
    ratios = zip(*_each(spec, pipeline), strict=True)
    return [round(statistics.fmean(step), 5) for step in ratios]


def _each(spec: ModelSpec, pipeline: Any) -> Iterator[list[float]]:
    transformer, found = pipeline.transformer, list[list[float]]()

    def keep(*_: Any) -> None:  # the pipeline empties the hook's memory at its end
        (hook,) = transformer.blocks[0]._diffusers_hook.hooks.values()
        found.append(hook.state_manager._state_cache["cond"].calibration_ratios)

    for seed, scene in enumerate(kept_back_scenes()[::4]):
        # With a step more than there are it does not begin anew, and forget, after the last.
        transformer.enable_cache(MagCacheConfig(calibrate=True, num_inference_steps=STEPS + 1))
        watch = transformer.register_forward_hook(keep)
        try:
            spec.generate(pipeline, request_for(spec, scene, seed, STEPS), Unwatched())
        finally:
            watch.remove()
            transformer.disable_cache()
        yield found[-1]


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(prog="python -m scripts.shapes.ratios", description=__doc__)
    parser.add_argument("models", nargs="*", metavar="MODEL", help=f"of {', '.join(MODELS)}")
    for model in parser.parse_args().models or MODELS:
        with tempfile.TemporaryDirectory() as models_dir:
            ratios = measured(*loaded(model, install(model, Path(models_dir))))
        folder = HERE / model
        (folder / RATIOS_FILE).write_text(json.dumps(ratios) + "\n")
        write_sums(folder)
        print(f"{model}: {ratios}")


if __name__ == "__main__":
    main()
