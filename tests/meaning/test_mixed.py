"""What many jobs of every sort leave behind: nothing."""

import json
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from safetensors.numpy import save

from scripts.shapes.asking import PLAIN
from scripts.shapes.captions import english
from tests.integration.test_models import serving
from tests.live import LiveService
from tests.meaning.conftest import MODEL, SIX

LORAS = ("left", "right")
SMALL = {**PLAIN, "num_frames": 9, "num_inference_steps": 14}
JOBS, WARM = 220, 40
MORE_BYTES = 8 * 2**20
"""Of a worker that holds half a gigabyte; a hole that is kept in its heap is one of 27 MB."""


def a_lora(seed: int, width: int) -> bytes:
    """Of each block's first projection, in the names of Wan's own code."""
    random = np.random.default_rng(seed)
    return save(
        {
            f"diffusion_model.blocks.{block}.self_attn.q.{half}.weight": random.normal(
                0, 0.02, shape
            ).astype(np.float32)
            for block in range(4)
            for half, shape in {"lora_A": (4, width), "lora_B": (width, 4)}.items()
        }
    )


def mixes(first: str) -> list[dict[str, Any]]:
    """One of each sort; every other one switches LoRAs."""
    lora = [{"loras": [{"name": name, "strength": 0.5}]} for name in LORAS]
    span = {"job": first, "from": 0.1, "to": 0.2}
    return [
        lora[0],
        {"enable_frame_interpolation": True},
        lora[1],
        {"extend": first, "num_frames": 4},
        {**lora[0], "enable_upscaling": True},
        {"retake": span},
        lora[1],
        {"video": {"job": first}, "strength": 0.5},
        lora[0],
        {"options": {"step_cache": "first_block"}},
        {**lora[1], "image": {"job": first}},
        {"video": {"job": first}, "strength": 0, "enable_upscaling": True},
    ]


def body(fields: dict[str, Any], seed: int) -> dict[str, Any]:
    if fields.get("strength") == 0:
        return fields
    kept = dict(SMALL)
    if fields.keys() & {"extend", "retake", "video"}:
        kept.pop("resolution")
    if "retake" in fields or "video" in fields:
        kept.pop("num_frames")
    return {**kept, "prompt": english(SIX[seed % len(SIX)]), "seed": seed, **fields}


def held(service: LiveService) -> tuple[int, int, int]:
    """Bytes and descriptors of the worker, and descriptors of the API process."""
    worker = psutil.Process(service.worker_pid() or 0)
    return worker.memory_info().rss, worker.num_fds(), psutil.Process(service.process.pid).num_fds()


@pytest.mark.slow
def test_many_jobs_and_switches_leave_nothing(models: Path, tmp_path: Path) -> None:
    with serving(MODEL, models, tmp_path, quantization="none", max_queue=500) as service:
        first = service.finish(timeout=240, **body({}, 1))
        width = width_of(models)
        for seed, name in enumerate(LORAS):
            path = f"/loras/{name}"
            assert service.client.put(path, content=a_lora(seed, width)).is_success
        jobs = list(islice(cycle(mixes(first["id"])), JOBS))
        assert sum("loras" in job for job in jobs) >= 50
        looks = list[tuple[int, int, int]]()
        for number, fields in enumerate(jobs):
            answer = service.client.post("/generate", json=body(fields, number + 2))
            assert answer.status_code == 202, answer.text
            service.wait_for(answer.json()["id"], "completed", timeout=240)
            looks.append(held(service))
        for name in LORAS:
            service.client.delete(f"/loras/{name}")
    third = (JOBS - WARM) // 3
    middle, late = looks[-2 * third : -third], looks[-third:]
    for index, most in enumerate((MORE_BYTES, 0, 1)):
        before, after = (min(look[index] for look in some) for some in (middle, late))
        print(f"{index}: {looks[WARM][index]} at first, {before}, {after}")
        assert after - before <= most


def width_of(models: Path) -> int:
    """Of the trained transformer."""
    (config,) = models.glob("*/snapshots/*/transformer/config.json")
    read = json.loads(config.read_text())
    return int(read["num_attention_heads"] * read["attention_head_dim"])
