"""The files of a finished training's folder."""

from common.contract import PublishedFile

LORA = PublishedFile(
    name="lora.safetensors",
    media_type="application/octet-stream",
    noun="LoRA",
    route="download",
    summary="Download the LoRA",
    description="safetensors, in the names of Wan's original code, as published LoRAs have them.",
)
VALIDATION = PublishedFile(
    name="validation.mp4",
    media_type="video/mp4",
    noun="video",
    route="validation",
    summary="See what it has learnt",
    description="A video of `validation_prompt`, made with the LoRA at the end of the training.",
)
LOSSES = PublishedFile(
    name="losses.csv",
    media_type="text/csv",
    noun="table",
    route="losses",
    summary="Read the loss of every step",
    description="Two columns, `step` and `loss`.",
)
