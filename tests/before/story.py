"""What happens to a service until it is killed, so that it leaves jobs of every kind behind."""

import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import psutil

from tests.before.stored import ANSWERS, IDEMPOTENCY_KEY, KEYED, Stored, be, digest
from tests.integration import pictures
from tests.live import ENDED, ROOT, LiveService, wait_until

Names = dict[str, str]

FAILING = {"raise_at": "denoising"}
SLOW = {"prompt": "a slow bar", "options": '{"step_seconds": 0.25}', "num_inference_steps": 10}
BATCH_ENDS = ("completed", "partial", "failed", "cancelled")


def toy_story(service: LiveService, hook: str) -> Stored:
    """Everything that jobs can come to on the toy; its worker is at work when this returns."""
    be(service, "ben")
    theirs = service.finish(prompt="a bar of somebody else", num_frames=5)["id"]
    there = answers(service, [f"/jobs/{theirs}"])
    be(service, "ana")
    jobs, ended = _ends(service, hook), _ended_batch(service)
    files = _files(service, jobs, ended)
    jobs |= _unended(service)
    batches = {"ended": ended, "waiting": _batch(service, [_short("three"), _short("four")])}
    here = answers(service, _paths(service, jobs, batches))
    jobs["theirs"] = theirs
    return _stored(service, jobs=jobs, batches=batches, answers=here, theirs=there, files=files)


def wan21_story(service: LiveService) -> Stored:
    """Jobs of a real model's code, each with its picture."""
    small = {"resolution": "128x128", "num_frames": 5, "num_inference_steps": 2}
    jobs = {"completed": with_picture(service, {"prompt": "a cat", **small})}
    service.wait_for(jobs["completed"], "completed", timeout=240)
    files = {path: digest(service, path) for path in _files_of(jobs["completed"])}
    long = {"prompt": "a long cat", **small, "num_inference_steps": 12}
    jobs["interrupted"] = with_picture(service, long)
    jobs["queued"] = with_picture(service, {"prompt": "a waiting cat", **small, "seed": 2})
    service.wait_for(jobs["interrupted"], "denoising", timeout=240)
    here = answers(service, [f"/jobs/{job}" for job in jobs.values()])
    return _stored(service, jobs=jobs, answers=here, files=files)


def die(service: LiveService) -> None:
    """As a machine does: API process and worker in the same moment."""
    api = psutil.Process(service.process.pid)
    together = [api, *api.children(recursive=True)]
    for process in together:
        process.suspend()
    for process in together:
        process.kill()
    service.exit_code()


def keep(stored: Stored, folder: Path) -> None:
    """Write the answers beside what they are about."""
    (folder / ANSWERS).write_text(stored.model_dump_json(indent=1))


def answers(service: LiveService, paths: Iterable[str]) -> dict[str, Any]:
    """What is said at these paths."""
    return {path: service.get(path) for path in paths}


def with_picture(service: LiveService, fields: dict[str, Any]) -> str:
    """Post a job that begins with a picture."""
    data = {name: str(value) for name, value in fields.items()}
    file = {"image": ("bar.png", pictures.png(), "image/png")}
    answer = service.client.post("/generate", data=data, files=file)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def _ends(service: LiveService, hook: str) -> Names:
    """Jobs that ended before the kill, by what they show."""
    jobs = {
        "completed": service.submit(
            prompt="ein Balken läuft über Schnee ❄",
            negative_prompt="blur",
            duration=1,
            resolution="66x50",
            seed=1,
            generate_audio=True,
            priority="high",
        ),
        "pictured": with_picture(service, {"prompt": "a bar from a picture", "num_frames": 5}),
        "keyed": keyed(service).json()["id"],
        "told": service.submit(prompt="a bar to tell of", num_frames=5, webhook_url=hook),
        "templated": service.submit(**_templated(), preset="draft", num_frames=5),
        "videos": _video(service, "/v1/videos", prompt="a bar for others", seconds="1"),
        "spare": with_picture(service, {"prompt": "a bar to be deleted", "num_frames": 5}),
        "removed": with_picture(service, {"prompt": "a bar that was deleted", "num_frames": 5}),
    }
    for job in jobs.values():
        service.wait_for(job, "completed")
    jobs["remixed"] = _video(service, f"/v1/videos/{jobs['videos']}/remix", prompt="a red bar")
    jobs["failed"] = service.submit(FAILING)
    service.wait_for(jobs["remixed"], "completed")
    service.wait_for(jobs["failed"], "failed")
    assert service.client.delete(f"/jobs/{jobs['removed']}").status_code == 204
    wait_until(lambda: service.get(f"/jobs/{jobs['told']}/webhook")["attempts"], what="it is told")
    return jobs


def _unended(service: LiveService) -> Names:
    """A job that is being made, those that wait behind it, and one that was cancelled there."""
    running = with_picture(service, SLOW)
    jobs = {
        "interrupted": running,
        "pictured_queued": with_picture(service, {"prompt": "a waiting bar", "num_frames": 5}),
        "queued": service.submit(num_frames=5, prompt="a bar in no hurry", priority="low"),
        "cancelled": service.submit(prompt="an unwanted bar"),
    }
    service.cancel(jobs["cancelled"])
    service.wait_for(running, "denoising")
    preview = f"/jobs/{running}/preview"
    wait_until(lambda: service.client.get(preview).status_code == 200, what="there is a preview")
    return jobs


def keyed(service: LiveService) -> Any:
    """The request with the key: the first time, and any other time."""
    headers = {"Idempotency-Key": IDEMPOTENCY_KEY}
    return service.client.post("/generate", json=KEYED, headers=headers)


def _templated() -> dict[str, Any]:
    return {"prompt": None, "template": "product-shot", "variables": {"product": "a bar"}}


def _video(service: LiveService, path: str, **fields: Any) -> str:
    answer = service.client.post(path, json=fields)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


def _short(prompt: str) -> dict[str, Any]:
    return {"prompt": prompt, "num_frames": 5, "num_inference_steps": 1}


def _batch(service: LiveService, requests: list[dict[str, Any]]) -> str:
    body = {"name": "bars", "requests": requests}
    answer = service.client.post("/generate/batch", json=body)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def _ended_batch(service: LiveService) -> str:
    """One with a video, one without, and one that was refused."""
    batch = _batch(service, [_short("one"), {"prompt": "two", "options": FAILING}, {"prompt": " "}])
    wait_until(lambda: service.get(f"/batches/{batch}")["state"] in BATCH_ENDS, what="it ends")
    return batch


def _files(service: LiveService, jobs: Names, batch: str) -> dict[str, str]:
    one = service.get(f"/batches/{batch}")["members"][0]["job_id"]
    made = [job for job in (*jobs.values(), one) if _is_completed(service, job)]
    paths = [path for job in made for path in _files_of(job)]
    sheet = f"/v1/videos/{jobs['completed']}/content?variant=spritesheet"
    return {path: digest(service, path) for path in [*paths, sheet]}


def _is_completed(service: LiveService, job: str) -> bool:
    answer = service.client.get(f"/jobs/{job}")
    return bool(answer.status_code == 200 and answer.json()["state"] == "completed")


def _files_of(job: str) -> tuple[str, ...]:
    return f"/jobs/{job}/download", f"/jobs/{job}/thumbnail", f"/v1/videos/{job}/content"


def _paths(service: LiveService, jobs: Names, batches: Names) -> list[str]:
    listed = [job["id"] for job in service.jobs()]
    return [
        *(f"/jobs/{job}" for job in listed),
        *(f"/v1/videos/{job}" for job in listed),
        *(f"/batches/{batch}" for batch in batches.values()),
        f"/batches/{batches['ended']}/manifest",
        f"/jobs/{jobs['told']}/webhook",
        *("/jobs?limit=100", "/jobs?limit=100&state=failed", "/v1/videos?limit=100"),
        *("/batches", "/metrics"),
    ]


def _stored(service: LiveService, **said: Any) -> Stored:
    version = service.get("/openapi.json")["info"]["version"]
    stored = Stored(version=version, commit=_commit(), **said)
    assert stored.job("interrupted")["state"] not in ENDED
    return stored


def _commit() -> str:
    """The last one that changed what runs."""
    command = ["/usr/bin/git", "log", "-1", "--format=%H", "--", "common", "wan21"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()
