"""The child that decodes a picture: ``python -m common.media.pictures.child look 50000000``.

It reads the file from standard input and writes a line of JSON: ``refused`` with the reason, or
what was found. ``show`` writes the pixels behind it, RGB of eight bits, row by row, laid on the
colour that is named last.
"""

import json
import sys
import traceback
import warnings
from dataclasses import asdict

from common.media.pictures.reading import Found, look_at, show
from common.media.pictures.refused import Refused, Why


def main(task: str, max_pixels: int, ground: str = "white") -> None:
    """Do one task, and exit."""
    warnings.simplefilter("ignore")  # of sizes: they are judged here
    pixels = b""
    try:
        data = sys.stdin.buffer.read()
        if task == "show":
            image = show(data, max_pixels, ground)
            answer = asdict(Found("RGB", *image.size))
            pixels = image.tobytes()
        else:
            answer = asdict(look_at(data, max_pixels))
    except Refused as exc:
        answer = {"refused": exc.why, "kind": exc.kind}
    except MemoryError:
        answer = {"refused": Why.COSTLY, "kind": ""}
    except Exception:  # of crafted input anything may come; what it was is for the log
        traceback.print_exc()
        answer = {"refused": Why.DAMAGED, "kind": ""}
    sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n")
    sys.stdout.buffer.write(pixels)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), *sys.argv[3:])
