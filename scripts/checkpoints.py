"""Which checkpoints the settings name: a line each, ``models_dir repository revision [file]``."""

import argparse
import sys
from collections.abc import Iterator, Sequence

from common.errors import VideosDGXError
from common.hub import choose_variant
from common.settings import load_settings
from common.spec import load_spec
from scripts.services import MODELS


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the lines for the models named, or for all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="*", metavar="MODEL", choices=[*MODELS, []])
    for model in parser.parse_args(arguments).models or MODELS:
        try:
            print("\n".join(_lines(model)))
        except VideosDGXError as exc:
            sys.exit(f"{exc.body.message} {exc.body.hint or ''}")


def _lines(model: str) -> Iterator[str]:
    settings, spec = load_settings(model), load_spec(f"{model}.model_config:SPEC")
    variant = choose_variant(spec, settings.checkpoint)
    yield f"{settings.models_dir} {variant.checkpoint} {variant.revision}"
    if variant.adapter:
        adapter = variant.adapter
        yield f"{settings.models_dir} {adapter.repository} {adapter.revision} {adapter.file}"


if __name__ == "__main__":
    main()
