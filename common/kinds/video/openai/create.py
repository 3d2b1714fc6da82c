"""From a body of OpenAI's Videos API to a job in the queue."""

from base64 import b64encode
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from secrets import token_hex
from typing import Any

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile

from common.api.bodies.body import Body, Parsed, checked_body, read_body
from common.api.bodies.once import Once
from common.api.bodies.validated import validated
from common.api.routes.generate import make
from common.api.service import Service
from common.base.errors import FileGone, JobConflict
from common.contract.left_out import without_nulls
from common.jobs.model import Job
from common.kinds.video.afterwards import as_asked
from common.kinds.video.jobs import resolved_of
from common.kinds.video.openai.errors import in_their_names
from common.kinds.video.openai.requests import reader_for
from common.kinds.video.requests import GenerateRequest
from common.kinds.video.sources import Keyframe


async def create_job(request: Request, service: Service, once: Once) -> Job:
    """Queue the video that the body of ``request`` asks for.

    Raises:
        VideosDGXError: as ``POST /generate`` does, with OpenAI's names for the fields.
    """
    job_id = token_hex(16)
    async with read_body(request, reader_for(service)) as parsed:
        with in_their_names(parsed.files):
            sent = Body(parsed.request, files=parsed.files)
            if (made := await once.before(sent)) is not None:
                return made
            body = await checked_body(request, parsed, service, job_id)
            return await once.job(job_id, body, partial(make, service, job_id, body))


async def remix_job(
    request: Request, service: Service, once: Once, source: Job, prompt: str
) -> Job:
    """Queue ``source`` again under another prompt: all else is the same, its beginning too.

    Raises:
        JobConflict: it is not completed.
        FileGone: what it began with is no longer on disk.
        VideosDGXError: as above; the service may have got another checkpoint since.
    """
    if source.result is None:
        raise JobConflict(
            f"The video is {source.state}; only a completed one can be remixed.",
            hint="Make a new one: POST /v1/videos.",
        )
    if resolved_of(source).strength == 0:
        raise JobConflict(
            "The video was made smoother or larger alone: it has no prompt to change.",
            hint="Send its request anew, with another strength: POST /v1/videos.",
        )
    job_id = token_hex(16)
    named = _from_jobs(source)
    wish = _same_again(source, prompt, named)
    with ExitStack() as stack, in_their_names():
        files = await run_in_threadpool(_open_uploads, service.inputs, source, stack)
        wish = await run_in_threadpool(_with_pictures, wish, source, files)
        files = {name: files[name] for name in service.kind.uploads if name in files.keys() - named}
        sent = Body(wish, remix_of=source.id, files=files)
        if (made := await once.before(sent)) is not None:
            return made
        body = await checked_body(request, Parsed(wish, files), service, job_id)
        body = replace(body, remix_of=source.id)
        return await once.job(job_id, body, partial(make, service, job_id, body))


def _from_jobs(source: Job) -> dict[str, Any]:
    """What it went on from or made a span of: those jobs must still be there."""
    asked = {name: source.requested.get(name) for name in ("extend", "retake")}
    return {name: value for name, value in asked.items() if value is not None}


def _same_again(source: Job, prompt: str, named: Mapping[str, Any]) -> GenerateRequest:
    made = resolved_of(source)
    asked = source.requested.get("enhance_prompt") is True  # whatever came of it
    fields = {
        **named,
        "prompt": prompt,
        **({"enhance_prompt": True} if asked else {}),
        "negative_prompt": made.negative_prompt,
        "num_frames": None if made.retake else made.num_frames,
        "strength": made.strength,
        "resolution": f"{made.width}x{made.height}",
        "fps": made.fps,
        "seed": made.seed,
        "num_inference_steps": made.num_inference_steps,
        "guidance_scale": made.guidance_scale,
        "generate_audio": made.generate_audio,
        "options": made.options,
        "two_stages": made.second_stage is not None,
        "loras": [{"name": lora.name, "strength": lora.strength} for lora in made.loras],
        **as_asked(made.frame_interpolation_exp, made.upscaling_scale, made.upscaler),
    }
    return validated(GenerateRequest, without_nulls(fields))


def _with_pictures(
    wish: GenerateRequest, source: Job, files: Mapping[str, UploadFile]
) -> GenerateRequest:
    """With the pictures of the job's lists, which are no uploads of a form."""
    made = resolved_of(source)

    def inline(name: str) -> str:
        return b64encode(files[name].file.read()).decode()

    keys = tuple(
        Keyframe(image=inline(f"keyframe{index}"), frame=key.frame, strength=key.strength)
        for index, key in enumerate(made.keyframes)
    )
    references = tuple(inline(f"reference{index}") for index in range(len(made.reference_images)))
    lists = {"keyframes": keys, "reference_images": references}
    given = {name: pictures for name, pictures in lists.items() if pictures}
    return wish.model_copy(update=given) if given else wish


def _open_uploads(inputs: Path, source: Job, stack: ExitStack) -> dict[str, UploadFile]:
    """The files that a job began with, open as long as ``stack``."""
    try:
        paths = {field: inputs / name for field, name in source.resolved.uploads.items()}
        return {
            field: UploadFile(stack.enter_context(path.open("rb")), size=path.stat().st_size)
            for field, path in paths.items()
        }
    except FileNotFoundError as exc:
        raise FileGone(
            "What the video began with is no longer on disk.", hint="Make a new one."
        ) from exc
