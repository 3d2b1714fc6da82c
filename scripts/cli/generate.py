"""``videosdgx generate``: every field of a request as an option."""

from scripts.cli import options as opt
from scripts.cli.client import Client, Json, address_of
from scripts.cli.ending import Wanted, reach
from scripts.cli.saving import STDOUT, check_place
from scripts.cli.show import Output
from scripts.cli.sources import keyframes_of, references_of, sources


def generate(
    prompt: opt.Prompt = None,
    template: opt.Template = None,
    variables: opt.Variables = None,
    preset: opt.Preset = None,
    priority: opt.Priority = None,
    webhook_url: opt.Webhook = None,
    negative_prompt: opt.Negative = None,
    enhance_prompt: opt.Enhance = False,
    duration: opt.Duration = None,
    num_frames: opt.Frames = None,
    resolution: opt.Resolution = None,
    fps: opt.Fps = None,
    seed: opt.Seed = None,
    num_inference_steps: opt.Steps = None,
    guidance_scale: opt.Guidance = None,
    generate_audio: opt.Audio = None,
    two_stages: opt.TwoStages = None,
    interpolate: opt.Smoother = None,
    upscale: opt.Larger = None,
    upscaler: opt.Upscaler = None,
    loras: opt.Loras = None,
    options: opt.ModelOptions = None,
    field: opt.Fields = None,
    image: opt.Image = None,
    last_image: opt.LastImage = None,
    keyframes: opt.Keyframes = None,
    reference_images: opt.References = None,
    video: opt.Video = None,
    strength: opt.Strength = None,
    extend: opt.Extend = None,
    retake: opt.Retake = None,
    idempotency_key: opt.IdempotencyKey = None,
    dry_run: opt.DryRun = False,
    no_cache: opt.NoCache = False,
    wait: opt.Wait = False,
    output: opt.Output = None,
    force: opt.Force = False,
    cancel_on_interrupt: opt.CancelOnInterrupt = False,
    service: opt.Service = None,
    api_key: opt.Key = None,
    as_json: opt.AsJson = False,
) -> None:
    """Ask for a video. --output waits for it and writes it there."""
    given = dict(locals())
    check_place(output, force=force, as_json=as_json)
    client = Client(address_of(service), api_key)
    shown = Output(as_json=as_json, aside=output == STDOUT)
    named, files = sources(image, last_image, video, retake)
    answer = client.generate(body_of(given) | named, files, idempotency_key)
    reach(client, answer, shown, Wanted(dry_run, wait, output, force, cancel_on_interrupt))


_ELSEWHERE = {
    *(
        "field",
        "image",
        "last_image",
        "keyframes",
        "reference_images",
        "video",
        "retake",
        "idempotency_key",
        "wait",
        "output",
        "force",
    ),
    *("cancel_on_interrupt", "service", "api_key", "as_json"),
}
"""Parameters that are no fields of the request's body."""


def body_of(given: Json) -> Json:
    """The request: what was given, under the names of the fields."""
    body = {name: value for name, value in given.items() if name not in _ELSEWHERE}
    body["variables"] = opt.pairs("--variable", body["variables"])
    body["options"] = opt.values("--option", body["options"])
    body["loras"] = opt.loras(body["loras"])
    body |= opt.refined(*(body.pop(name) for name in ("interpolate", "upscale", "upscaler")))
    for flag in ("dry_run", "no_cache", "enhance_prompt"):
        body[flag] = given[flag] or None  # left out is what its absence means
    # By identity: 0 is a value, and so is False.
    sent = {name: value for name, value in body.items() if value is not None and value != {}}
    pictures = keyframes_of(given["keyframes"]) | references_of(given["reference_images"])
    return sent | opt.values("--field", given["field"]) | pictures
