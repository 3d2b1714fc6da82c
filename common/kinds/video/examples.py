"""Bodies of ``POST /generate``, for the description of the API."""

from pydantic import JsonValue

EXAMPLES: list[JsonValue] = [
    {
        "prompt": "A cat walking on a beach at sunset",
        "duration": 5,
        "resolution": "1024x576",
        "fps": 24,
        "seed": 42,
    },
    {"prompt": "A cat walking on a beach at sunset", "seed": 42, "no_cache": True},
    {
        "prompt": "A kite over the sea",
        "loras": [{"name": "kites", "strength": 0.8}],
    },
    {
        "prompt": "The kite falls into the sea",
        "extend": "0123456789abcdef0123456789abcdef",
        "duration": 3,
    },
    {
        "prompt": "A red kite over the sea",
        "retake": {"job": "0123456789abcdef0123456789abcdef", "from": 1, "to": 2.5},
    },
    {
        "prompt": "The kite climbs, turns and lands",
        "image": {"job": "0123456789abcdef0123456789abcdef", "frame": 0},
        "keyframes": [{"image": {"job": "0123456789abcdef0123456789abcdef"}, "frame": 60}],
        "last_image": {"job": "fedcba9876543210fedcba9876543210"},
        "num_frames": 121,
    },
    {
        "prompt": "The cat of the picture walks on a beach",
        "reference_images": [{"job": "0123456789abcdef0123456789abcdef", "frame": 0}],
    },
]
