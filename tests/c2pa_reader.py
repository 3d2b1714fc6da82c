"""What C2PA's own reader says of a file."""

import io
import json
from typing import Any

import c2pa


def read(data: bytes, anchors: str = "") -> tuple[str, list[str], dict[str, Any]]:
    """The state of an MP4, what is wrong with it, and its manifest. ``anchors``: whom to trust."""
    trust = {"trust": {"trust_anchors": anchors}} if anchors else {}
    with (
        c2pa.Context.from_dict({"verify": {"remote_manifest_fetch": False}} | trust) as context,
        c2pa.Reader("video/mp4", io.BytesIO(data), context=context) as reader,
    ):
        wrong = [one["code"] for one in json.loads(reader.json()).get("validation_status", ())]
        return str(reader.get_validation_state()), wrong, reader.get_active_manifest() or {}


def action_in(manifest: dict[str, Any]) -> dict[str, Any]:
    """The one thing that was done, as the signer says himself."""
    (actions,) = (one for one in manifest["assertions"] if one["label"] == "c2pa.actions.v2")
    (action,) = actions["data"]["actions"]
    assert actions["created"]
    return dict(action)
