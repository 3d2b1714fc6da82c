"""The tracebacks in a service's log: those that a blow explains, and the others."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator

KNOWN = ("common.base.errors.tree.StoreUnavailable:", "common.base.errors.tree.StorageFull:")
"""What an operator is told, with the place, when a database or a volume fails."""
_BEGINS = re.compile(r"^\d{4}-\d\d-\d\d \d\d:")
_RAISED = re.compile(r"^[ |+-]*((?:\w+\.)*\w*(?:Error|Unavailable|Full|Exit|Group|Exception)\b.*)")


def foreign_tracebacks(lines: Iterable[str]) -> Counter[str]:
    """What was raised at the end of each traceback that is not known, and how often."""
    raised = (_raised(record) for record in _records(lines))
    return Counter(text for text in raised if text and not text.startswith(KNOWN))


def _records(lines: Iterable[str]) -> Iterator[list[str]]:
    """The log's records: whatever follows a line with a time belongs to it."""
    record: list[str] = []
    for line in lines:
        if _BEGINS.match(line) and record:
            yield record
            record = []
        record.append(line.rstrip())
    yield record


def _raised(record: list[str]) -> str:
    """The last exception of a chain is the one that was logged; empty where there is none."""
    if not any("Traceback (most recent call last)" in line for line in record):
        return ""
    found = [match[1] for line in record[1:] if (match := _RAISED.match(line))]
    return found[-1][:200] if found else f"a traceback below {record[0][:200]}"
