"""Which checkpoints the settings name: a line each, ``models_dir repository revision pattern ...``.

The patterns are of the files that are used: repositories hold the same weights in other forms too.
``!`` in front of one leaves files out. With ``--licences`` a line for each model instead, its
fields separated by ``|``: the model, its checkpoint, the licence. With ``--set-to`` the models
alone, one a line, that are set to a repository of the hub.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase

from common.base.errors import VideosDGXError
from common.base.settings import Settings, load_settings
from common.contract import Variant
from common.contract.finding import load_spec
from common.contract.hub import choose_variant
from scripts.services import MODELS, spec_address


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the lines for the models named, or for all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="*", metavar="MODEL", choices=[*MODELS, []])
    parser.add_argument("--licences", action="store_true", help="models and their licences")
    parser.add_argument("--set-to", metavar="REPOSITORY", help="models that this repository serves")
    parsed = parser.parse_args(arguments)
    for model in parsed.models or MODELS:
        try:
            if parsed.set_to:
                lines = [model] if parsed.set_to in _repositories(model) else []
            else:
                lines = [_licence(model)] if parsed.licences else list(_lines(model))
            print(*lines, sep="\n", end="\n" if lines else "")
        except VideosDGXError as exc:
            sys.exit(exc.body.in_full)


def _lines(model: str) -> Iterator[str]:
    settings = load_settings(model)
    variant = _variant(model)
    yield _line(settings, variant.checkpoint, variant.revision, patterns_of(variant))
    if variant.adapter:
        adapter = variant.adapter
        yield _line(settings, adapter.repository, adapter.revision, adapter.files)
    extra = variant.extra
    if extra and extra.repository != variant.checkpoint:
        yield _line(settings, extra.repository, extra.revision, extra.files)


def _repositories(model: str) -> set[str]:
    variant = _variant(model)
    return {variant.checkpoint} | ({variant.adapter.repository} if variant.adapter else set())


def _variant(model: str) -> Variant:
    """As the settings have it: what they turn off is not fetched."""
    spec, settings = load_spec(spec_address(model)), load_settings(model)
    variant: Variant = spec.kind.bounded(choose_variant(spec, settings.checkpoint), settings)
    return variant


def _licence(model: str) -> str:
    return "|".join((model, _variant(model).name, load_spec(spec_address(model)).licence))


def patterns_of(variant: Variant) -> list[str]:
    """What is fetched of a checkpoint's repository, whatever number of shards it is cut into."""
    extra = variant.extra
    more = extra.files if extra and extra.repository == variant.checkpoint else ()
    left = [part for part in variant.unused_files if not any(fnmatchcase(m, part) for m in more)]
    unused = [f"!{pattern}" for pattern in left]
    if variant.files:
        return [*variant.files, *unused]
    if variant.subfolder:
        folders = (variant.subfolder, *variant.shared_folders)
        return [*(f"{folder}/*" for folder in folders), *unused]
    # Not the single files beside the folders, but for those that are named.
    return ["*/*", "model_index.json", *more, *unused]


def _line(settings: Settings, repository: str, revision: str, patterns: Sequence[str]) -> str:
    return " ".join((str(settings.models_dir), repository, revision, *patterns))


if __name__ == "__main__":
    main()
