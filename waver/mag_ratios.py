"""How the length of what a step adds changes from step to step: what MagCache goes by.

Measured by MagCache's authors over 50 steps (github.com/Zehong-Ma/MagCache, commit df81cb1,
magcache_generate.py of MagCache4Wan2.1 and MagCache4Wan2.2, Apache-2.0): means over tokens, here of
the pass with the prompt. The pass without it differs by less than 0.0011 after the first fifth of
the steps, in which nothing is left out; the 5B's from a picture, by 0.014 at most. For other
numbers of steps diffusers takes the nearest ones. No torch here.
"""

from collections.abc import Mapping


def _numbers(words: str) -> tuple[float, ...]:
    return tuple(map(float, words.split()))


_TI2V_5B = _numbers("""
    1 0.99505 0.99441 0.99558 0.99499 0.99534 0.99468 0.99463 0.9946 0.99408 0.9945 0.99409
    0.99403 0.99382 0.99349 0.99377 0.9933 0.99303 0.99217 0.992 0.99201 0.99133 0.99112
    0.99155 0.98958 0.98959 0.98838 0.98826 0.9883 0.98711 0.98562 0.98511 0.98414 0.98284
    0.98104 0.97981 0.97849 0.97557 0.97398 0.97171 0.96917 0.96511 0.96263 0.95839 0.95483
    0.94942 0.9468 0.94583 0.94843 0.96949
""")

_T2V_1_3B = _numbers("""
    1 1.0124 1.00166 0.99791 0.99682 0.99634 0.99567 0.99416 0.99578 0.9957 0.99511 0.99535
    0.99552 0.99541 0.9954 0.99489 0.99518 0.99484 0.99481 0.99415 0.99419 0.99396 0.99388
    0.99349 0.99309 0.9927 0.99228 0.99171 0.99137 0.99068 0.99005 0.98944 0.98849 0.98758
    0.98644 0.98504 0.9836 0.98202 0.97977 0.97717 0.9741 0.97003 0.96538 0.9593 0.95086
    0.94013 0.92402 0.90241 0.86821 0.81838
""")

MAG_RATIOS: Mapping[str, tuple[float, ...]] = {
    "Wan-AI/Wan2.2-TI2V-5B-Diffusers": _TI2V_5B,
    "Wan-AI/Wan2.1-T2V-1.3B-Diffusers": _T2V_1_3B,
}
"""By hub id."""
