"""How often the small models show what they are asked for: ``python -m scripts.shapes.obeys``.

Every combination of shape, colour and direction that was kept back from the training, with several
seeds, through the real services to the MP4. The table is that of docs/shapes.md.
"""

import argparse
import itertools
from collections.abc import Sequence
from pathlib import Path

from scripts.service_process import ServiceProcess, port_for
from scripts.shapes.asking import Asked, ask
from scripts.shapes.captions import english, portuguese
from scripts.shapes.clips import kept_back
from scripts.shapes.scenes import TRAINED, Direction, Scene, Shape
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
        shares = (share(asked, part) for part in (*((part,) for part in PARTS), PARTS))
        cells = (model, language, str(len(asked)), *(f"{100 * each:.1f}" for each in shares))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def share(asked: Sequence[Asked], parts: Sequence[str]) -> float:
    """How many are right, from 0 to 1."""
    return sum(each.right(*parts) for each in asked) / len(asked)


def measure(model: str, folder: Path, seeds: int) -> list[Row]:
    """Start the service, ask it, stop it."""
    install(model, folder / "models")
    settings = {"DRAIN_SECONDS": "0", "MAX_QUEUE": "1000"}
    service = ServiceProcess(model, folder, port_for(8099), settings)
    try:
        service.wait_until_up()
        rows: list[Row] = []
        for language, words in LANGUAGES.items():
            scenes = [
                (scene, words(scene), seed)
                for scene in kept_back_scenes()
                for seed in range(1, seeds + 1)
            ]
            rows.append((model, language, list(ask(service.url, scenes))))
        return rows
    finally:
        service.stop()


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
                print(f"{model} {language}: {each.prompt!r}, seed {each.seed}: {each.found}")


if __name__ == "__main__":
    main()
