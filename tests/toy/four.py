"""Four toys of different size, to share one pool of memory: ``python -m tests.toy.four TOY_A``."""

import sys
from dataclasses import replace

from common.service import serve
from tests.toy.model_config import SPEC, VARIANT


def _toy(letter: str) -> object:
    variant = replace(VARIANT, checkpoint=f"videosdgx/toy_{letter}")
    return replace(SPEC, id=f"toy_{letter}", title=f"Toy {letter.upper()}", variants=(variant,))


TOY_A, TOY_B, TOY_C, TOY_D = (_toy(letter) for letter in "abcd")

if __name__ == "__main__":
    serve(f"tests.toy.four:{sys.argv[1]}")
