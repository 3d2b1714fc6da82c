"""Bodies of ``POST /generate``, for the description of the API. Each field is in one of them."""

from pydantic import JsonValue

_A, _B = "0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210"

EXAMPLES: list[JsonValue] = [
    {
        "prompt": "A cat walking on a beach at sunset",
        "duration": 5,
        "resolution": "1024x576",
        "fps": 24,
        "seed": 42,
    },
    {
        "prompt": "A cat walking on a beach at sunset",
        "negative_prompt": "people, rain",
        "num_frames": 49,
        "num_inference_steps": 20,
        "guidance_scale": 3,
        "generate_audio": False,
        "enhance_prompt": True,
        "options": {},
        "dry_run": True,
    },
    {
        "template": "product-shot",
        "variables": {"product": "a red enamel teapot"},
        "preset": "draft",
        "priority": "low",
        "webhook_url": "https://example.com/videos",
    },
    {"prompt": "A cat walking on a beach at sunset", "seed": 42, "no_cache": True},
    {
        "prompt": "A kite over the sea",
        "loras": [{"name": "kites", "strength": 0.8}],
        "enable_frame_interpolation": True,
        "frame_interpolation_exp": 1,
        "enable_upscaling": True,
        "upscaling_scale": 2,
    },
    {"prompt": "The kite falls into the sea", "extend": _A, "duration": 3},
    {"prompt": "A red kite over the sea", "retake": {"job": _A, "from": 1, "to": 2.5}},
    {"prompt": "The same in snow", "video": {"job": _A}, "strength": 0.7},
    {"video": {"job": _A}, "strength": 0, "enable_upscaling": True, "upscaler": "latent"},
    {
        "prompt": "The kite climbs, turns and lands",
        "image": {"job": _A, "frame": 0},
        "two_stages": True,
        "keyframes": [{"image": {"job": _A}, "frame": 60}],
        "last_image": {"job": _B},
        "num_frames": 121,
    },
    {
        "prompt": "The cat of the picture walks on a beach",
        "reference_images": [{"job": _A, "frame": 0}],
    },
]
