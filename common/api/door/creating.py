"""Which paths make jobs when they are posted to: counted, and with room for a prompt."""

import re

from common.contract import Kind

_OURS = ("/generate(/.*)?", "/batches/[^/]+/retry")


def creating_paths(kind: Kind) -> re.Pattern[str]:
    """The core's own, and those of the kind's routers."""
    return re.compile("|".join((*_OURS, *kind.creating)))
