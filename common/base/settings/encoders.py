"""What may compress the picture of a video."""

from typing import Literal

Codec = Literal["libx264", "libx265", "h264_nvenc", "hevc_nvenc"]
"""FFmpeg's names: H.264 and H.265 on the processor, and both on a GPU that has NVENC."""
