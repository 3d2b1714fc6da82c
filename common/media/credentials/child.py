"""The child that signs one file, as an order of JSON on its standard input says.

A process of its own: it can be ended in the middle, its memory goes with it, and nothing of ours
stands when C2PA's library falls. Its temporary files lie where ``TMPDIR`` says. Never imported.
"""

import json
import sys
from pathlib import Path
from typing import Any

import c2pa

_OFFLINE = {
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False, "verify_after_sign": True},
    "builder": {"thumbnail": {"enabled": False}},
}
_FAILED = 2


def main() -> int:
    """Answers the exit status; what went wrong is written to standard error."""
    order = json.load(sys.stdin)
    try:
        _sign(order)
    except (c2pa.C2paError, OSError) as exc:
        sys.stderr.write(f"{exc}\n")
        return _FAILED
    return 0


def _sign(order: dict[str, Any]) -> None:
    info = c2pa.C2paSignerInfo(
        order["algorithm"], order["chain"].encode(), order["key"].encode(), None
    )
    settings = {"version": 1, **_OFFLINE, "core": order["core"]}
    with (
        c2pa.Context.from_dict(settings, c2pa.Signer.from_info(info)) as context,
        c2pa.Builder(order["manifest"], context) as builder,
        Path(order["source"]).open("rb") as source,
        Path(order["target"]).open("w+b") as target,
    ):
        builder.sign(order["media_type"], source, target)


if __name__ == "__main__":
    sys.exit(main())
