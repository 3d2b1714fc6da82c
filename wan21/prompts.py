"""The negative prompts that Wan2.1 is published with."""

# ruff: noqa: RUF001 (the full-width commas belong to the text)

NEGATIVE_PROMPT = (
    "色调艳丽，过曝，静态，细节模糊不清，字幕，风格，作品，画作，画面，静止，整体发灰，最差质量，低质量，"
    "JPEG压缩残留，丑陋的，残缺的，多余的手指，画得不好的手部，画得不好的脸部，畸形的，毁容的，"
    "形态畸形的肢体，手指融合，静止不动的画面，杂乱的背景，三条腿，背景人很多，倒着走"
)
"""``sample_neg_prompt`` of Wan-Video/Wan2.1, wan/configs/shared_config.py: overexposed, static,
blurred, subtitles, worst quality, extra fingers and the like. It is in Chinese as in training."""

NEGATIVE_PROMPT_I2V = "镜头晃动，" + NEGATIVE_PROMPT
"""The same with camera shake before it (wan/configs/wan_i2v_14B.py)."""

NEGATIVE_PROMPT_FLF2V = "镜头切换，" + NEGATIVE_PROMPT_I2V
"""And with a cut before that, from a first picture to a last one (wan/configs/__init__.py)."""
