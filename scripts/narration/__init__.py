"""What is said over the demo's film: three sentences, each in a slot of its own.

``spoken.mp3`` was made with flite 2.2 and its voice slt, both free to use and to pass on:
``flite -voice slt -t SENTENCE`` for each, a quarter of a second later than its slot begins.
"""

from pathlib import Path

from scripts.shapes.scenes import Colour, Direction, Scene, Shape

SPOKEN = Path(__file__).with_name("spoken.mp3")
SLOT_SECONDS = 2.5
BEFORE_SECONDS = 0.25
"""Silence at the beginning of a slot."""
SCENES = {
    "A red circle moves to the left.": Scene(Shape.CIRCLE, Colour.RED, Direction.LEFT),
    "A blue square moves up.": Scene(Shape.SQUARE, Colour.BLUE, Direction.UP),
    "A green star moves to the right.": Scene(Shape.STAR, Colour.GREEN, Direction.RIGHT),
}
"""Sentences, and what is seen meanwhile."""


def captions() -> str:
    """The sentences as SRT."""
    return "\n".join(
        f"{number + 1}\n{_time(number, BEFORE_SECONDS)} --> {_time(number, SLOT_SECONDS)}\n{text}\n"
        for number, text in enumerate(SCENES)
    )


def _time(slot: int, seconds: float) -> str:
    return f"00:00:{slot * SLOT_SECONDS + seconds:06.3f}".replace(".", ",")
