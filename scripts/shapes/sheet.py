"""A contact sheet: a video's frames side by side in one picture."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

COLUMNS = 4
MOST = 8
GAP = 4


def contact_sheet(frames: NDArray[np.uint8], path: Path) -> Path:
    """Write a PNG of up to eight frames [T, H, W, 3], from the first to the last."""
    picked = frames[np.unique(np.linspace(0, len(frames) - 1, MOST).round().astype(int))]
    _, height, width, _ = picked.shape
    rows = -(-len(picked) // COLUMNS)
    size = (rows * (height + GAP) - GAP, COLUMNS * (width + GAP) - GAP, 3)
    sheet = np.full(size, 255, np.uint8)
    for place, frame in enumerate(picked):
        top, left = place // COLUMNS * (height + GAP), place % COLUMNS * (width + GAP)
        sheet[top : top + height, left : left + width] = frame
    Image.fromarray(sheet).save(path)
    return path
