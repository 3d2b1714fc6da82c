"""Which checkpoints the settings name: a line each, ``models_dir repository revision pattern ...``.

The patterns are of the files that are used: repositories hold the same weights in other forms too.
With ``--licences`` a line for each model instead, its fields separated by ``|``: the model, its
checkpoint, the licence.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence

from common.contract import Variant
from common.errors import VideosDGXError
from common.hub import choose_variant
from common.settings import Settings, load_settings
from common.spec import load_spec
from scripts.services import MODELS, spec_address


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the lines for the models named, or for all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="*", metavar="MODEL", choices=[*MODELS, []])
    parser.add_argument("--licences", action="store_true", help="models and their licences")
    parsed = parser.parse_args(arguments)
    for model in parsed.models or MODELS:
        try:
            print(_licence(model) if parsed.licences else "\n".join(_lines(model)))
        except VideosDGXError as exc:
            sys.exit(f"{exc.body.message} {exc.body.hint or ''}")


def _lines(model: str) -> Iterator[str]:
    settings, spec = load_settings(model), load_spec(spec_address(model))
    variant = choose_variant(spec, settings.checkpoint)
    yield _line(settings, variant.checkpoint, variant.revision, _patterns(variant))
    if variant.adapter:
        adapter = variant.adapter
        yield _line(settings, adapter.repository, adapter.revision, [adapter.file])


def _licence(model: str) -> str:
    settings, spec = load_settings(model), load_spec(spec_address(model))
    return "|".join((model, choose_variant(spec, settings.checkpoint).name, spec.licence))


def _patterns(variant: Variant) -> list[str]:
    if variant.subfolder:
        return [f"{folder}/*" for folder in (variant.subfolder, *variant.shared_folders)]
    return ["*/*", "model_index.json"]  # not the single files beside the folders


def _line(settings: Settings, repository: str, revision: str, patterns: Sequence[str]) -> str:
    return " ".join((str(settings.models_dir), repository, revision, *patterns))


if __name__ == "__main__":
    main()
