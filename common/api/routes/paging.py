"""Lists come page by page: where one goes on, and how much of it."""

from typing import Annotated

from fastapi import Query

from common.contract.fields import worded
from common.jobs.ordering import PLACE_PATTERN
from common.jobs.store import CURSOR_PATTERN

_BEFORE = "`next_cursor` of the page before."
_FORM = "must be `next_cursor` of the page before"

Cursor = Annotated[str | None, Query(description=_BEFORE, pattern=worded(CURSOR_PATTERN, _FORM))]
Place = Annotated[str | None, Query(description=_BEFORE, pattern=worded(PLACE_PATTERN, _FORM))]
"""Of the queue in order."""
Limit = Annotated[int, Query(ge=1, le=100)]
