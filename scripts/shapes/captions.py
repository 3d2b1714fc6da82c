"""Scenes in words, English and Portuguese, in several wordings and with more or less said."""

from dataclasses import dataclass

import numpy as np

from scripts.shapes.scenes import Background, Colour, Direction, Scene, Shape, Speed

PORTUGUESE_SHAPES = {
    Shape.CIRCLE: "círculo",
    Shape.SQUARE: "quadrado",
    Shape.TRIANGLE: "triângulo",
    Shape.STAR: "estrela",
}
PORTUGUESE_COLOURS = {
    Colour.RED: ("vermelho", "vermelha"),
    Colour.GREEN: ("verde", "verde"),
    Colour.BLUE: ("azul", "azul"),
    Colour.YELLOW: ("amarelo", "amarela"),
    Colour.PURPLE: ("roxo", "roxa"),
    Colour.TURQUOISE: ("turquesa", "turquesa"),
    Colour.ORANGE: ("laranja", "laranja"),
}
"""Of a circle, of a star."""
WAYS = {
    Direction.LEFT: ("to the left", "left", "leftwards"),
    Direction.RIGHT: ("to the right", "right", "rightwards"),
    Direction.UP: ("up", "upwards", "to the top"),
    Direction.DOWN: ("down", "downwards", "to the bottom"),
    Direction.UP_LEFT: ("up and to the left", "to the upper left", "up left"),
    Direction.UP_RIGHT: ("up and to the right", "to the upper right", "up right"),
    Direction.DOWN_LEFT: ("down and to the left", "to the lower left", "down left"),
    Direction.DOWN_RIGHT: ("down and to the right", "to the lower right", "down right"),
}
PORTUGUESE_WAYS = {
    Direction.LEFT: ("para a esquerda", "à esquerda"),
    Direction.RIGHT: ("para a direita", "à direita"),
    Direction.UP: ("para cima",),
    Direction.DOWN: ("para baixo",),
    Direction.UP_LEFT: ("para cima e para a esquerda",),
    Direction.UP_RIGHT: ("para cima e para a direita",),
    Direction.DOWN_LEFT: ("para baixo e para a esquerda",),
    Direction.DOWN_RIGHT: ("para baixo e para a direita",),
}
MOVES = ("moves", "goes", "moving", "is moving", "travels")
STANDS = ("stands still", "does not move", "stays where it is", "is still")
PORTUGUESE_MOVES = ("vai", "move-se", "anda", "desloca-se")
PORTUGUESE_STANDS = ("está parado", "não se move", "fica onde está")
SPEEDS = {Speed.SLOW: "slowly", Speed.FAST: "quickly"}
PORTUGUESE_SPEEDS = {Speed.SLOW: "devagar", Speed.FAST: "depressa"}
BEHIND = {background: f"on a {background} background" for background in Background}
PORTUGUESE_BEHIND = {
    Background.BLACK: "sobre um fundo preto",
    Background.GREY: "sobre um fundo cinzento",
    Background.WHITE: "sobre um fundo branco",
}


@dataclass(frozen=True)
class Told:
    """Which parts of a scene a caption tells."""

    shape: bool = True
    colour: bool = True
    direction: bool = True
    speed: bool = False
    background: bool = False


def any_caption(scene: Scene, chance: np.random.Generator) -> str:
    """One of its wordings, as the weights are trained on: most say all, some leave parts out."""
    return worded(scene, any_told(chance), chance)


def any_told(chance: np.random.Generator) -> Told:
    """What a caption tells that weights are trained on."""
    return Told(
        shape=chance.random() < 0.95,
        colour=chance.random() < 0.95,
        direction=chance.random() < 0.95,
        speed=chance.random() < 0.3,
        background=chance.random() < 0.3,
    )


def worded(scene: Scene, told: Told, chance: np.random.Generator) -> str:
    """In either language, in any wording."""
    words = english if chance.random() < 0.6 else portuguese
    text = words(scene, told, chance)
    return text[0].upper() + text[1:] if chance.random() < 0.3 else text


def english(scene: Scene, told: Told = Told(), chance: np.random.Generator | None = None) -> str:
    """The scene in English; ``chance`` picks the wording, else it is the first."""
    shape = str(scene.shape) if told.shape else "shape"
    article = "an" if told.colour and scene.colour is Colour.ORANGE else "a"
    parts = [article, scene.colour, shape] if told.colour else [article, shape]
    if told.direction and scene.direction is Direction.STILL:
        parts.append(_one_of(STANDS, chance))
    elif told.direction:
        parts.append(f"{_one_of(MOVES, chance)} {_one_of(WAYS[scene.direction], chance)}")
    if told.speed and scene.direction is not Direction.STILL:
        parts.append(SPEEDS[scene.speed])
    if told.background:
        parts.append(BEHIND[scene.background])
    return " ".join(parts)


def portuguese(scene: Scene, told: Told = Told(), chance: np.random.Generator | None = None) -> str:
    """The scene in Portuguese, likewise."""
    feminine = not told.shape or scene.shape is Shape.STAR
    shape = PORTUGUESE_SHAPES[scene.shape] if told.shape else "forma"
    parts = ["uma" if feminine else "um", shape]
    if told.colour:
        parts.append(PORTUGUESE_COLOURS[scene.colour][feminine])
    if told.direction and scene.direction is Direction.STILL:
        stands = _one_of(PORTUGUESE_STANDS, chance)
        parts.append(stands.replace("parado", "parada") if feminine else stands)
    elif told.direction:
        moves = _one_of(PORTUGUESE_MOVES, chance)
        parts.append(f"{moves} {_one_of(PORTUGUESE_WAYS[scene.direction], chance)}")
    if told.speed and scene.direction is not Direction.STILL:
        parts.append(PORTUGUESE_SPEEDS[scene.speed])
    if told.background:
        parts.append(PORTUGUESE_BEHIND[scene.background])
    return " ".join(parts)


def _one_of(wordings: tuple[str, ...], chance: np.random.Generator | None) -> str:
    return wordings[0] if chance is None else wordings[int(chance.integers(len(wordings)))]
