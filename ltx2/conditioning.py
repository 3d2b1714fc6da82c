"""The picture that a video starts from, prepared as the model's authors do.

The model was trained on frames of compressed videos, so a picture is compressed like one before it
is fitted to the frame: at its own size, where blocks and blur are small beside what it shows.
"""

import math
from io import BytesIO

import av
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch.nn import functional

MAX_SIDE = 16384
"""Pixels that x264 takes (``MAX_RESOLUTION`` in encoder/encoder.c); larger is shrunk before."""
MIN_SIDE = 2
"""A frame of a video has even sides; thinner is not compressed, as at the authors."""


def condition_picture(image: Image.Image, width: int, height: int, crf: int) -> torch.Tensor:
    """Shape [1, 3, height, width], values in [0, 1], float32.

    As ``load_image_and_preprocess`` in Lightricks/LTX-2, ltx_pipelines/utils/media_io/decode.py.

    Args:
        image: in RGB, at its own size.
        width: of the video's frame, in pixels.
        height: of the video's frame, in pixels.
        crf: of H.264, as in training: 33 up to LTX-2.3; 0 leaves the picture as it is.
    """
    image.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.LANCZOS)
    pixels = np.array(image, dtype=np.uint8)
    if crf > 0 and min(image.size) >= MIN_SIDE:
        pixels = first_frame(encode(pixels, crf))
    return fit(torch.from_numpy(pixels).movedim(-1, 0)[None].float(), width, height) / 255


def encode(pixels: NDArray[np.uint8], crf: int) -> bytes:
    """A video of one frame, [height, width, 3], less a row or a column where a side is odd.

    One thread: by default x264 cuts the frame into a slice for each core, and a picture would be
    another one on another machine.
    """
    height, width = (side // 2 * 2 for side in pixels.shape[:2])
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels[:height, :width]), "rgb24")
    file = BytesIO()
    with av.open(file, "w", format="mp4") as container:
        options = {"crf": str(crf), "preset": "veryfast"}
        stream = container.add_stream("libx264", rate=1, options=options)
        stream.width, stream.height, stream.thread_count = width, height, 1
        container.mux(stream.encode(frame.reformat(format="yuv420p")))
        container.mux(stream.encode())
    return file.getvalue()


def first_frame(video: bytes) -> NDArray[np.uint8]:
    """Of an encoded video: RGB, [height, width, 3]."""
    with av.open(BytesIO(video), "r") as container:
        frame = next(container.decode(video=0))
        return np.asarray(frame.to_ndarray(format="rgb24"), dtype=np.uint8)


def fit(picture: torch.Tensor, width: int, height: int) -> torch.Tensor:
    """Scaled to cover the frame, cut around the centre; [1, 3, height, width].

    As ``resize_and_center_crop`` in ltx_pipelines/utils/media_io/resize.py: bilinear between four
    pixels of the source, however many there are for one of the frame.
    """
    source_height, source_width = picture.shape[-2:]
    scale = max(height / source_height, width / source_width)
    size = math.ceil(source_height * scale), math.ceil(source_width * scale)
    covering = functional.interpolate(picture, size=size, mode="bilinear", align_corners=False)
    top, left = (size[0] - height) // 2, (size[1] - width) // 2
    return covering[:, :, top : top + height, left : left + width]
