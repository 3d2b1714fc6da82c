"""How often the small models show what they are asked for: ``python -m scripts.shapes.obeys``.

Every combination of shape, colour and direction that was kept back from the training, with several
seeds, through the real services to the MP4. The table is that of docs/shapes.md.
"""

import argparse
import itertools
from collections.abc import Callable, Sequence
from pathlib import Path

from scripts.bench.client import running
from scripts.shapes.asking import Asked, Wish, ask, share
from scripts.shapes.captions import english, portuguese
from scripts.shapes.scenes import TRAINED, Direction, Scene, Shape, kept_back
from scripts.shapes.weights import MODELS, install

PARTS = ("direction", "colour", "shape")
Row = tuple[str, str, Sequence[Asked]]
"""A model, the language of its prompts, and what came of them."""
LANGUAGES = {"en": english, "pt": portuguese}


def kept_back_scenes() -> list[Scene]:
    """All that no clip of the training showed."""
    combinations = itertools.product(Shape, TRAINED, Direction)
    return [Scene(*each) for each in combinations if kept_back(*each)]


def table(rows: Sequence[Row]) -> str:
    """Of a hundred, as Markdown."""
    lines = ["| model | prompts | videos | direction | colour | shape | all three |"]
    lines.append("|---|---|---|---|---|---|---|")
    for model, language, asked in rows:
        shares = [share(asked, part) for part in PARTS] + [share(asked, *PARTS)]
        cells = (model, language, str(len(asked)), *(f"{100 * each:.1f}" for each in shares))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def measure(model: str, folder: Path, seeds: int) -> list[Row]:
    """Start the service, ask it, stop it."""
    install(model, folder / "models")
    with running(model, folder, MAX_QUEUE="1000") as (service, _client):
        return [
            (model, language, list(ask(service.url, wishes(words, seeds))))
            for language, words in LANGUAGES.items()
        ]


def wishes(words: Callable[[Scene], str], seeds: int) -> list[Wish]:
    """Each scene that was kept back, with so many seeds."""
    numbers = range(1, seeds + 1)
    return [Wish(scene, words(scene), seed) for scene in kept_back_scenes() for seed in numbers]


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(prog="python -m scripts.shapes.obeys", description=__doc__)
    parser.add_argument("models", nargs="*", metavar="MODEL", help=f"of {', '.join(MODELS)}")
    parser.add_argument("--folder", type=Path, default=Path(".shapes"))
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args()
    rows: list[Row] = []
    for model in args.models or MODELS:
        rows += measure(model, args.folder.resolve(), args.seeds)
    print(table(rows))
    for model, language, asked in rows:
        for each in asked:
            if not each.right(*PARTS):
                wish = each.wish
                print(f"{model} {language}: {wish.prompt!r}, seed {wish.seed}: {each.found}")


if __name__ == "__main__":
    main()
