"""Make tiny random-weight checkpoints, so that everything runs on a CPU in seconds.

Run it as ``python -m scripts.make_tiny_checkpoints [--models-dir DIR] [--force] [MODEL ...]``.
"""

import argparse
import importlib
from collections.abc import Sequence
from pathlib import Path

from scripts.services import find

RECIPES = Path(__file__).with_name("tiny")
MODELS = tuple(one.name for one in find() if (RECIPES / f"{one.name}.py").is_file())
"""Those that have a recipe."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Build the checkpoints of the models named, or of all."""
    args = _parse(arguments)
    for model in args.models or MODELS:
        builder = importlib.import_module(f"scripts.tiny.{model}")
        for snapshot in builder.build(args.models_dir, force=args.force):
            print(f"{model}: {snapshot}")


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Make tiny random-weight checkpoints.")
    parser.add_argument(
        "models", nargs="*", metavar="MODEL", help=f"{', '.join(MODELS)}; all when left out"
    )
    parser.add_argument(
        "--models-dir", type=Path, default=Path(".demo/models"), help="hub cache to put them into"
    )
    parser.add_argument("--force", action="store_true", help="make them again")
    args = parser.parse_args(arguments)
    for model in args.models:
        if model not in MODELS:
            parser.error(f"no such model: {model} (there are {', '.join(MODELS)})")
    return args


if __name__ == "__main__":
    main()
