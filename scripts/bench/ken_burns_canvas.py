"""How large a canvas the camera moves over, and how it is read: what that does to a picture.

``python -m scripts.bench.ken_burns_canvas``: a picture of 5760x3240 is shown in 960x540 at several
moments of a zoom, and compared with the same view drawn at four times the sides and averaged: the
peak signal-to-noise ratio in dB, the worst moment of each, and milliseconds of the processor a
frame. One canvas for all moments: what is sharp at the beginning may be dull at the end.
"""

import time

import cv2
import numpy as np
from numpy.typing import NDArray

from scripts.bench.report import Report
from studio.operations.film.canvas import Pixels, canvas_of
from studio.operations.film.motion import matrix_of, view_at
from studio.operations.film.shapes import Size

PICTURE, FRAME, ZOOM = (5760, 3240), (960, 540), 1.324
PARTS = (0.0, 0.15, 0.4, 0.65, 0.98)
CANVASES = (1.0, 1.25, 1.5, 2.0)
WAYS = {"linear": cv2.INTER_LINEAR, "cubic": cv2.INTER_CUBIC}
FINER = 4


def picture() -> Pixels:
    """Clouds of all sizes and lines in all directions."""
    random = np.random.default_rng(3)
    shown: NDArray[np.float32] = np.zeros((PICTURE[1], PICTURE[0], 3), np.float32)
    for size in (64, 256, 1024, 2048, 4096):
        noise = random.normal(0, 1, (size * 9 // 16 + 1, size, 3)).astype(np.float32)
        larger = cv2.resize(noise, PICTURE, interpolation=cv2.INTER_CUBIC)
        shown += np.asarray(larger, np.float32) * 3 / size**0.5
    for _ in range(300):
        begin = random.integers(0, PICTURE)
        end = begin + random.integers(-400, 400, 2)
        colour, thick = random.normal(0, 1.5, 3).tolist(), int(random.integers(2, 12))
        cv2.line(shown, begin.tolist(), end.tolist(), colour, thick)
    return np.clip(128 + 60 * shown, 0, 255).astype(np.uint8)


def drawn(canvas: Pixels, part: float, way: int, size: Size) -> Pixels:
    """The view at one moment of zooming in."""
    shape = canvas.shape[1], canvas.shape[0]
    matrix = np.array(matrix_of(view_at("zoom_in", ZOOM, part), size, shape))
    flags, edge = way | cv2.WARP_INVERSE_MAP, cv2.BORDER_REPLICATE
    return np.asarray(cv2.warpAffine(canvas, matrix, size, flags=flags, borderMode=edge), np.uint8)


def ideal(whole: Pixels, part: float) -> Pixels:
    """Drawn finer, and averaged."""
    finer = drawn(whole, part, cv2.INTER_CUBIC, (FRAME[0] * FINER, FRAME[1] * FINER))
    return np.asarray(cv2.resize(finer, FRAME, interpolation=cv2.INTER_AREA), np.uint8)


def psnr(one: Pixels, other: Pixels) -> float:
    """Of eight bits, in dB."""
    return float(cv2.PSNR(one, other))


def main() -> None:
    """Print the table."""
    report, whole = Report("ken_burns_canvas"), picture()
    wanted = [ideal(whole, part) for part in PARTS]
    for larger in CANVASES:
        size = (round(FRAME[0] * larger), round(FRAME[1] * larger))
        canvas = canvas_of(whole, (round(size[0] * ZOOM), round(size[1] * ZOOM)), 1, pads=False)
        for name, way in WAYS.items():
            began = time.process_time()
            frames = [drawn(canvas, part, way, FRAME) for part in PARTS]
            spent = (time.process_time() - began) / len(PARTS)
            worst = min(map(psnr, frames, wanted))
            note = f"{1000 * spent:.1f} ms a frame"
            report.add("canvas", f"{larger:g} times, {name}", worst, "dB", note=note)
    report.finish(None)


if __name__ == "__main__":
    main()
