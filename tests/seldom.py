"""Forms of a test that are as another one of its forms: those run with the slow tests."""

from collections.abc import Iterable
from typing import Any

import pytest


def seldom(values: Iterable[Any], often: int = 1) -> list[Any]:
    """The first ``often`` as they are, the rest marked slow; tuples are several arguments."""
    listed = [value if isinstance(value, tuple) else (value,) for value in values]
    now = [pytest.param(*value) for value in listed[:often]]
    return now + [pytest.param(*value, marks=pytest.mark.slow) for value in listed[often:]]
