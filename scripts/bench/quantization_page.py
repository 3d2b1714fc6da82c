"""The page that the quantization benchmark writes: docs/quantization.md."""

from collections.abc import Iterable, Sequence

from common.contract import Quantization
from scripts.bench.block_errors import Row
from scripts.bench.outliers import (
    CHANNEL_SCALE,
    CHANNELS,
    MASSIVE,
    MASSIVE_CHANNELS,
    RATIOS,
    TOKENS,
    product_error,
)
from scripts.bench.report import machine
from scripts.bench.service_sizes import service_sizes

COMMAND = "python -m scripts.benchmark quantization --write docs/quantization.md"


def page(rows: Sequence[Row], weighed: Sequence[Row]) -> str:
    """The document; ``weighed`` are the rules that were tried against those that are kept."""
    parts = (
        _INTRODUCTION,
        _SCHEMES,
        _errors(rows),
        _products(),
        _services(),
        _sizes(rows),
        _weighed(weighed),
        _kept(rows),
        _OWED,
    )
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _errors(rows: Sequence[Row]) -> str:
    facts = machine()
    lines = (
        (
            row.model,
            f"`{row.scheme}`",
            f"{row.output_error:.2%}",
            "" if row.update_error is None else f"{row.update_error:.2%}",
            f"{row.outlier_error:.2%}",
        )
        for row in rows
    )
    head = ("model", "scheme", "of the output", "of what the block adds", "beside outliers")
    return f"""## Error of one block (CPU)

{_table(head, lines)}

One block of the real class at its real widths; random weights of standard deviation
1/sqrt(fan-in), random input, bfloat16. Errors are relative, in the Frobenius norm, against the
same weights in float32; `none` is what bfloat16 itself costs. A transformer block adds to its
input, so the second figure is the harder one. For the text encoders it is the last hidden state
of a model with one layer. What the tables below list stays in high precision here too: these are
blocks from the middle of a transformer, and the first and the last have the error of `none`.
`fp8_compute` is emulated: the values that the float8 units would see, multiplied in float32, which
sums more exactly than a GPU's fast accumulation. It is not for text encoders.

The last column is the same where the input has outliers: {_OUTLIERS}.
It is the error of the other tokens, for a transformer of what the block adds to them.

Measured on {facts["cpu"]}, torch {facts["packages"]["torch"]}, {facts["date"][:10]}."""


def _products() -> str:
    lines = (
        (
            f"{ratio:,.0f}",
            f"{product_error(ratio, by_row=True):.2%}",
            f"{product_error(ratio, by_row=False):.2%}",
        )
        for ratio in RATIOS
    )
    head = ("the value that stands out", "a scale for each row", "one scale for all")
    return f"""## One token that stands out

Why `fp8_compute` has a scale for each row of a weight and for each token: the error of the other
tokens of a product, where one value of one token is so many standard deviations of the rest.

{_table(head, lines)}

float8 has an exponent of four bits, so up to some ten thousand deviations nothing is lost by one
scale; trained transformers have been seen to reach 100,000 (arXiv 2402.17762). Inside the blocks
measured above a norm bounds what a token can be, and both ways would answer alike."""


def _services() -> str:
    schemes = (Quantization.NONE, Quantization.FP8, Quantization.NF4)
    lines = (
        (
            service.name,
            f"`{service.default}`",
            *(f"{service.weight_bytes(scheme) / 1e9:.1f}" for scheme in schemes),
            f"{service.beside / 1e9:.1f}",
            service.planned,
        )
        for service in service_sizes()
    )
    head = (
        "service",
        "default",
        *(f"`{scheme}`" for scheme in schemes),
        "of that never quantized",
        "planned",
    )
    return f"""## Whole services

{_table(head, lines)}

GB (10^9 bytes) of weights: transformer, text encoder, and what is never quantized beside them:
connectors, autoencoders, vocoder, image encoder, CLIP, ByT5. Those of the Wan models, of the first
HunyuanVideo and LTX-2.3's vocoder are counted in float32, the rest in bfloat16. A job's own memory
comes on top.
`fp8_compute` is as large as `fp8`.

Within the plan under their defaults are LTX-2, Wan's image to video and Waver's stand-in. Below it
lie Wan's text to video, which has no image encoder, and MAGI-1's 4.5B, which is a small model: both
have room for a more accurate scheme, which `auto` takes. Above it lie LTX-2.3, by its larger
connectors, MAGI-1's 24B, a quarter of which stays in high precision, and Wan 2.2's A14B, which is
two transformers of 14B."""


def _sizes(rows: Sequence[Row]) -> str:
    lines = (
        (
            f"{row.model}, {row.parameters / 1e9:.2f}B",
            f"`{row.scheme}`",
            f"{row.layer_bytes:.3f}",
            f"{row.share:.1%}",
            f"{row.model_bytes / row.parameters:.3f}",
            f"{row.model_bytes / 1e9:.1f} GB",
        )
        for row in rows
    )
    head = ("model", "scheme", "bytes/parameter, its layers", "of the model", "whole", "in all")
    return f"""## Size

{_table(head, lines)}

The layers' bytes are those of the block above, scales included; the whole model is counted from
its shapes, as the services' own estimates do, with what stays in high precision at 2 bytes. "Of the
model" is what is in that scheme itself: Gemma's self-attention is `fp8` where the rest has four
bits. GB are 10^9 bytes."""


def _weighed(rows: Sequence[Row]) -> str:
    lines = (
        (
            row.model,
            f"`{row.scheme}`",
            f"{row.output_error if row.update_error is None else row.update_error:.2%}",
            f"{row.outlier_error:.2%}",
            f"{row.model_bytes / 1e9:.1f} GB",
        )
        for row in rows
    )
    head = ("what else could stay", "scheme", "error", "beside outliers", "in all")
    return f"""## What was weighed

{_table(head, lines)}

Errors as above: for a transformer of what the block adds. Gemma's self-attention in float8 gets
nearly all of what bfloat16 would, for half of the bytes: with bfloat16 LTX-2 would be above its
30 GB. NVFP4 of LTX-2 is of use only with all four cross attentions kept."""


def _kept(rows: Sequence[Row]) -> str:
    """One table a model; schemes that keep the same are one column's worth of text."""
    parts = ["## What stays in high precision"]
    for model in dict.fromkeys(row.model for row in rows):
        parts.append(f"### {model}\n\n{_kept_table([r for r in rows if r.model == model])}")
    return "\n\n".join(parts)


def _kept_table(rows: Sequence[Row]) -> str:
    schemes: dict[tuple[str, float], list[str]] = {}
    for row in rows:
        if row.scheme is not Quantization.NONE:
            for reason, share in row.kept.items():
                schemes.setdefault((reason, share), []).append(f"`{row.scheme}`")
    lines = (
        (reason, f"{share:.3%}", "all" if len(names) == len(rows) - 1 else ", ".join(names))
        for (reason, share), names in schemes.items()
    )
    return _table(("why", "of the model", "schemes"), lines)


def _table(head: tuple[str, ...], lines: Iterable[tuple[str, ...]]) -> str:
    rule = tuple("---" for _ in head)
    return "\n".join("| " + " | ".join(line) + " |" for line in (head, rule, *lines))


_OUTLIERS = f"""{CHANNELS:.0%} of the channels are {CHANNEL_SCALE:.0f}
times as large in every token, and {len(TOKENS)} tokens have {MASSIVE_CHANNELS} channels of
{MASSIVE:.0f} standard deviations"""

_INTRODUCTION = f"""# Quantization

Made by `{COMMAND}`; edit `scripts/bench/quantization_page.py`, not this page.

The weights of linear layers can be kept in fewer bits than the 16 they are computed in. Each model
has a default; `QUANTIZATION` overrides it with a name below, or with `auto`. `GET /info` and the
log say which scheme was used and why."""

_SCHEMES = """## The schemes

- **`none`**: bfloat16, as published.
  Two bytes a parameter, no error but that of the format.
- **`fp8`**: float8 (e4m3) with a scale for each row, computed in bfloat16. Any device.
  Half the memory; each layer is unpacked at every call, so it is a little slower than `none`.
- **`fp8_compute`**: float8 with a scale for each row of the weight and for each token, inputs cast
  at every call, multiplied by the GPU's float8 units. Compute capability 8.9 and newer (Ada,
  Hopper, Blackwell). Half the memory, and the one scheme that is meant to be faster than `none`.
  A small product is tried at every load: a chip that has no kernel for it, or a wrong one, refuses
  the scheme and names the others. Text encoders have `fp8` under it.
- **`nf4`**: 4-bit normal float in blocks of 64, double quantization (bitsandbytes), computed in
  bfloat16. Any device.
  A quarter of the memory, at three times the error of `fp8`.
- **`nvfp4`**: 4-bit float in blocks of 16 with float8 scales (torchao), weights only. Experimental:
  no Blackwell has run it here. Any device.
  For memory, not speed: a weight is unpacked through float32 at every call, in working memory of
  about 30 bytes for each of its parameters (2 GB for the largest layer of Wan 14B). LTX-2 gains
  nothing from it: a third of the model is cross attention and stays, so it ends up above `fp8`.
- **`auto`**: the most accurate of `none`, `fp8` and `nf4` that the memory pool has room for, with
  the largest of the checkpoint's presets running; the log and `GET /info` say what each takes. It
  goes by the size of the pool and not by what is free, so it is the same at every load
  ([why](decisions/0019-the-most-accurate-that-fits.md))."""

_OWED = """## Owed

Figures from a GPU: seconds a step under each scheme, and `fp8_compute` and `nvfp4` on the hardware
that they are for. Errors of single blocks with random weights rank schemes; they do not say how a
video looks."""
