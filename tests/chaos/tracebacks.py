"""The tracebacks in a service's log: those that a blow explains, and the others."""

import re
from collections import Counter
from collections.abc import Iterable

KNOWN = ("common.errors.StoreUnavailable", "common.errors.StorageFull")
"""What an operator is told, with the place, when a database or a volume fails."""
_END = re.compile(
    r"^(?:  \+-+ |    \| )?([A-Za-z_][\w.]*(?:\.[A-Z]\w*|Error|Exception|Exit|Group))\b"
)


def foreign_tracebacks(lines: Iterable[str]) -> Counter[str]:
    """The last line of every traceback that is not known, and how often it stands there."""
    found: Counter[str] = Counter()
    last = ""
    inside = False
    for line in lines:
        if "Traceback (most recent call last)" in line:
            inside = True
        elif inside and (match := _END.match(line)):
            inside, last = False, match[1]
            if last not in KNOWN:
                found[line.strip()[:200]] += 1
    return found
