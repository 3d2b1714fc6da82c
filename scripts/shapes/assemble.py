"""Puts what was trained together as the published checkpoint lies on the hub.

``python -m scripts.shapes.assemble CODE ENCODER DECODER MODEL FOLDER``: the linear code, what
``scripts.shapes.autoencoder`` and ``scripts.shapes.training`` wrote, and where to.
"""

import argparse
import hashlib
import json
from pathlib import Path

import common.runtime.libraries  # noqa: F401

import torch
from diffusers import AutoencoderKLWan, UniPCMultistepScheduler, WanPipeline, WanTransformer3DModel
from transformers import T5TokenizerFast, UMT5EncoderModel

from scripts.shapes import linear_code
from scripts.shapes.weights import SUMS

FLOW_SHIFT = {True: 5.0, False: 3.0}
"""Of Wan 2.2 TI2V, whose tokens have a time each, and of Wan 2.1 at 480p."""
_TOKENIZER = {"tokenizer": ["transformers", "T5TokenizerFast"]}
"""Its class in the published ``model_index.json``; transformers 5 saves another for it."""


def assemble(code: Path, encoder: Path, decoder: Path, model: Path) -> WanPipeline:
    """The pipeline, in the number formats that it is kept in."""
    vae, other = (AutoencoderKLWan.from_pretrained(half) for half in (encoder, decoder))
    vae.decoder, vae.post_quant_conv = other.decoder, other.post_quant_conv
    silence(vae, linear_code.read(code).used)
    vae.register_to_config(**json.loads((model / "latents.json").read_text()))
    residual = bool(vae.config.is_residual)
    return WanPipeline(
        tokenizer=T5TokenizerFast.from_pretrained(model / "tokenizer"),
        text_encoder=UMT5EncoderModel.from_pretrained(model / "text_encoder").bfloat16(),
        vae=vae.half(),
        scheduler=UniPCMultistepScheduler(
            prediction_type="flow_prediction",
            use_flow_sigmas=True,
            flow_shift=FLOW_SHIFT[residual],
        ),
        transformer=WanTransformer3DModel.from_pretrained(
            model / "transformer", torch_dtype=torch.bfloat16
        ),
        expand_timesteps=residual,
    )


@torch.no_grad()
def silence(vae: AutoencoderKLWan, used: torch.Tensor) -> None:
    """Let channels that are not used be exactly zero, and be heard by nobody."""
    means = torch.nonzero(~used).flatten()
    vae.quant_conv.weight[means] = 0
    vae.quant_conv.bias[means] = 0
    vae.post_quant_conv.weight[:, ~used] = 0


def write(pipeline: WanPipeline, folder: Path) -> None:
    """Its files, and a list of their digests."""
    pipeline.save_pretrained(folder)
    for config in folder.glob("*/config.json"):
        values = json.loads(config.read_text())
        values.pop("_name_or_path", None)  # a folder of whoever trained it
        config.write_text(json.dumps(values, indent=2) + "\n")
    index = folder / "model_index.json"
    index.write_text(json.dumps(json.loads(index.read_text()) | _TOKENIZER, indent=2) + "\n")
    write_sums(folder)


def write_sums(folder: Path) -> None:
    """The list: a line for each of its files."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != SUMS)
    lines = (f"{_digest(path)}  {path.relative_to(folder)}\n" for path in files)
    (folder / SUMS).write_text("".join(lines))


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(prog="python -m scripts.shapes.assemble", description=__doc__)
    for name in ("code", "encoder", "decoder", "model", "folder"):
        parser.add_argument(name, type=Path)
    args = parser.parse_args()
    write(assemble(args.code, args.encoder, args.decoder, args.model), args.folder)


if __name__ == "__main__":
    main()
