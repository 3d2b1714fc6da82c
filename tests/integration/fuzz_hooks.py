"""What schemathesis cannot know about the API: which refusals of well-formed requests are right."""

from typing import Any

import schemathesis
from schemathesis.specs.openapi.checks import positive_data_acceptance

FILES = ("image", "last_image", "video", "input_reference", "file")
"""A schema cannot say what a picture or a LoRA is; random bytes are none."""
RIGHT = ("unresolvable", "batch_refused", "idempotency_key_reused")
"""What lies in several fields, in each request of a batch, or in an earlier request."""


@schemathesis.check
def legal_requests_are_accepted(ctx: Any, response: Any, case: Any) -> bool | None:
    """The tool's own check, but for what lies in several fields, or inside a file."""
    if response.status_code in (400, 415, 422):
        error = response.json()["error"]
        if error["code"] in RIGHT or error["param"] in FILES:
            return None
    return positive_data_acceptance(ctx, response, case)
