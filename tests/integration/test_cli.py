"""``videosdgx`` as a user runs it: a process of its own, on a real service."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from scripts.services import MODELS
from tests.integration import pictures
from tests.integration.fleet import Fleet
from tests.integration.test_loras import a_lora
from tests.live import ROOT, LiveService, wait_until
from tests.unit.media.ffprobe import probe, stream

COMMAND = [sys.executable, "-m", "scripts.cli"]
SLOW = ["--steps", "100", "--option", "step_seconds=0.5"]
"""For jobs that are cancelled: a command takes seconds where the machine is busy."""
UNKNOWN = "0" * 32


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Shell:
    """A terminal in an empty folder, in which the service is known."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.started: list[subprocess.Popen[str]] = []
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        ports = {f"{name.upper()}_PORT": "9" for name in MODELS}  # none of a real service's
        self.environment = kept | ports | {"PYTHONPATH": str(ROOT), "VIDEOSDGX_URL": url}

    def start(self, *words: str, **how: Any) -> "subprocess.Popen[str]":
        pipe = subprocess.PIPE
        place = {"cwd": self.folder, "env": self.environment, "stdout": pipe, "stderr": pipe}
        process = subprocess.Popen([*COMMAND, *words], **place | {"text": True} | how)
        self.started.append(process)
        return process

    def close(self) -> None:
        for process in self.started:
            process.kill()
            process.communicate()

    def __call__(self, *words: str, code: int = 0, **environment: str) -> Ran:
        self.environment |= environment
        process = self.start(*words)
        out, err = process.communicate(timeout=60)
        assert "Traceback" not in err
        assert process.returncode == code, f"{out}\n{err}"
        return Ran(process.returncode, out, err)


@pytest.fixture
def shell(service: LiveService, tmp_path: Path) -> Iterator[Shell]:
    opened = Shell(tmp_path, service.url)
    yield opened
    opened.close()


def test_a_video_from_prompt_to_file(shell: Shell, service: LiveService) -> None:
    ran = shell("generate", "a red bar", "--output", "bar.mp4", "--seed", "7")
    assert "Written: bar.mp4" in ran.err
    assert "completed" in ran.out
    video = stream(probe(shell.folder / "bar.mp4"), "video")
    assert (video["width"], video["height"]) == (64, 48)
    assert [path.name for path in shell.folder.iterdir()] == ["bar.mp4"]
    assert service.jobs()[0]["requested"] == {"prompt": "a red bar", "seed": 7}


def test_every_field_arrives(shell: Shell, service: LiveService) -> None:
    words = [
        *("generate", "x", "--json", "--preset", "draft", "--priority", "high", "--fps", "8"),
        *("--negative-prompt", "n", "--num-frames", "5", "--resolution", "32x48", "--seed", "1"),
        *("--steps", "2", "--guidance", "1.5", "--no-generate-audio", "--option", "hold_mb=1"),
        *("--field", "priority=low"),
    ]
    assert shell(*words).json["requested"] == {
        "prompt": "x", "preset": "draft", "priority": "low", "fps": 8, "negative_prompt": "n",
        "num_frames": 5, "resolution": "32x48", "seed": 1, "num_inference_steps": 2,
        "guidance_scale": 1.5, "generate_audio": False, "options": {"hold_mb": 1},
    }  # fmt: skip
    assert shell("generate", "x", "--duration", "1", "--json").json["requested"]["duration"] == 1


def test_values_that_count_as_false_arrive_too(shell: Shell) -> None:
    """A zero or an empty text is a value: no option is judged by its truth."""
    ran = shell("generate", "x", "--json", "--seed", "0", "--guidance-scale", "0")
    assert ran.json["requested"] == {"prompt": "x", "seed": 0, "guidance_scale": 0}
    for option, field in (("--duration", "duration"), ("--fps", "fps"), ("--steps", "steps")):
        refused = shell("generate", "x", "--json", option, "0", code=4).json["error"]
        assert refused["param"].endswith(field)
    for field in ("--preset", "--template", "--resolution", "--idempotency-key"):
        shell("generate", *(() if field == "--template" else ("x",)), field, "", code=4)
    (shell.folder / "a.png").write_bytes(pictures.png())
    words = ("--image", "a.png", "--seed", "0", "--negative-prompt", "", "--field", "fps=null")
    form = shell("generate", "x", *words)
    assert "seed 0" in form.out


def test_a_picture_is_uploaded(shell: Shell) -> None:
    (shell.folder / "a.png").write_bytes(pictures.png())
    job = shell("generate", "x", "--image", "a.png", "--option", "hold_mb=1", "--json").json
    assert job["requested"]["image"] == "png 64x48"
    assert job["requested"]["options"] == {"hold_mb": 1}
    ran = shell("generate", "x", "--image", "none.png", code=2)
    assert "none.png cannot be read" in ran.err


def test_a_template_and_its_variables(shell: Shell) -> None:
    words = ("generate", "--template", "product-shot", "--variable", "product=a=b", "--dry-run")
    ran = shell(*words)
    assert "A studio shot of a=b on" in ran.out
    assert "product-shot" in shell("presets").out
    assert shell("presets", "--json").json["presets"][0]["name"] == "draft"


def test_smoother_and_larger(shell: Shell) -> None:
    asked = shell("generate", "x", "--interpolate", "2", "--upscale", "4", "--json").json[
        "requested"
    ]
    assert (asked["frame_interpolation_exp"], asked["upscaling_scale"]) == (2, 4)
    assert "upscaling_scale" in shell("generate", "x", "--upscale", "3", code=4).err
    refused = shell("generate", "x", "--upscaler", "realesrgan-x4plus", code=4).err
    assert "download_models.sh upscalers" in refused


def test_prompt_help_is_asked_for(shell: Shell) -> None:
    ran = shell("generate", "x", "--enhance-prompt", "--json", code=4)
    assert ran.json["error"]["param"] == "enhance_prompt", "this service has none"


def test_the_queue_is_paused_and_resumed(shell: Shell, service: LiveService) -> None:
    assert shell("pause").out == "paused, 0 queued, 0 running\n"
    job_id = service.submit()
    assert "queued" in shell("show", job_id).out
    assert shell("resume", "--json").json["paused_since"] is None
    service.wait_for(job_id, "completed")


def test_the_queue_is_put_into_another_order(shell: Shell, service: LiveService) -> None:
    shell("pause")
    first, second, third = (service.submit() for _ in range(3))
    assert shell("move", third, "--front").out == f"{third}  0 ahead of it\n"
    assert shell("move", first, "--after", second, "--json").json[0]["queue_position"] == 2
    assert [job["id"] for job in shell("queue", "--json").json] == [third, second, first]
    assert [first in shell("queue", "-n", count).out for count in ("2", "3")] == [False, True]
    assert "exactly one" in shell("move", first, "--front", "--before", third, code=2).err
    assert "No such job" in shell("move", first, "--before", UNKNOWN, code=4).err
    shell("resume")


def test_a_job_is_kept_and_kept_no_more(shell: Shell, service: LiveService) -> None:
    job_id = service.finish()["id"]
    assert "kept" in shell("keep", job_id).out
    assert service.job(job_id)["kept"]
    assert shell("keep", job_id, "--undo", "--json").json[0]["kept"] is False
    assert "No such job" in shell("keep", UNKNOWN, code=4).err


def test_a_lora_is_stored_used_and_removed(shell: Shell) -> None:
    (shell.folder / "kites.safetensors").write_bytes(a_lora())
    assert "kites is stored" in shell("loras", "add", "kites.safetensors").out
    assert "already" in shell("loras", "add", "kites.safetensors", code=4).err
    assert "kites                    rank 4" in shell("loras", "list").out
    assert "none.st: No such file" in shell("loras", "add", "none.st", code=2).err
    job = shell("generate", "x", "--lora", "kites=0.5", "--json").json
    assert job["resolved"]["loras"][0]["strength"] == 0.5
    shell("loras", "remove", "kites")
    assert shell("loras", "list", "--json").json == []
    assert "There is no LoRA" in shell("loras", "remove", "kites", code=4).err


def test_the_same_key_is_the_same_job(shell: Shell) -> None:
    words = ("generate", "x", "--idempotency-key", "cli-1", "--json")
    assert shell(*words).json["id"] == shell(*words).json["id"]
    ids = [shell("generate", "x", "--json").json["id"] for _ in range(2)]
    assert ids[0] != ids[1]


def test_the_bar_and_its_lines(shell: Shell) -> None:
    plain = shell("generate", "x", "--wait", "--option", "step_seconds=0.1", "--steps", "8")
    assert "denoising" in plain.err
    assert "\x1b" not in plain.err
    live = shell(
        "generate", "x", "--wait", "--option", "step_seconds=0.1", "--steps", "8", FORCE_COLOR="1"
    )
    assert "100 %" in live.err


def test_jobs_are_listed_shown_cancelled_and_deleted(shell: Shell, service: LiveService) -> None:
    first, second = [shell("generate", "look [red]at\x1b[2J me", *SLOW, "--json").json["id"]] * 2
    service.wait_for(first, "running")
    listed = shell("list", "--state", "running")
    assert first in listed.out
    assert "\x1b" not in listed.out
    assert "[red]" in shell("show", first).out, "prompts are no markup"
    assert first in [job["id"] for job in shell("list", "--json", "-n", "5").json]
    assert "cancel" in shell("cancel", second).out
    service.wait_for(first, "cancelled")
    assert shell("watch", first, code=1).err.endswith(f"Job {first} was cancelled.\n")
    shell("delete", first)
    shell("show", first, code=4)


def test_a_download_has_a_name_and_overwrites_nothing(shell: Shell, service: LiveService) -> None:
    job_id = service.finish()["id"]
    name = shell("download", job_id).out.strip()
    assert name.startswith("toy_a-bar_")
    assert probe(shell.folder / name)
    assert "is there already" in shell("download", job_id, code=2).err
    shell("download", job_id, "--force")
    assert [path.name for path in shell.folder.iterdir()] == [name]
    shell("download", job_id, "--output", f"{name}/film.mp4", code=2)


def test_a_folder_is_a_place_whether_it_is_there_or_not(shell: Shell, service: LiveService) -> None:
    """Every way of saying where a video goes: a file, a folder, one to be made."""
    job_id = service.finish(prompt="Ação na praia")["id"]
    (shell.folder / "there").mkdir()
    paths = [shell("download", job_id, "-o", place).out.strip() for place in ("there", "new/deep/")]
    assert shell("download", job_id, "-o", "not/yet/a.mp4").out == "not/yet/a.mp4\n"
    names = {Path(path).name for path in paths}
    assert [str(Path(path).parent) for path in paths] == ["there", "new/deep"]
    assert len(names) == 1
    assert "is there already" in shell("watch", job_id, "-o", paths[0], code=2).err
    before = len(service.jobs())
    assert "is there already" in shell("generate", "x", "-o", paths[0], code=2).err
    assert len(service.jobs()) == before, "said before a video is made for it"


def test_a_video_goes_to_standard_output(shell: Shell, service: LiveService) -> None:
    """A dash is standard output: the video alone is there, every word elsewhere."""
    job_id = service.finish()["id"]
    whole = service.client.get(f"/jobs/{job_id}/download").content
    for words in (("download", job_id), ("watch", job_id)):
        process = shell.start(*words, "--output", "-", text=False)
        out, err = process.communicate(timeout=60)
        assert (process.returncode, out) == (0, whole), err
    assert "--json" in shell("download", job_id, "-o", "-", "--json", code=2).out
    assert list(shell.folder.iterdir()) == []


def test_no_video_is_poured_into_a_terminal(shell: Shell, service: LiveService) -> None:
    """A terminal gets no bytes of a video, unless it insists."""
    job_id = service.finish()["id"]
    ours, theirs = os.openpty()
    process = shell.start("download", job_id, "-o", "-", stdout=theirs)
    _, err = process.communicate(timeout=60)
    os.close(theirs)
    os.close(ours)
    assert process.returncode == 2
    assert "--force" in err


def test_whoever_reads_the_video_may_stop(shell: Shell, service: LiveService) -> None:
    """A reader that hangs up ends a command without a traceback."""
    job_id = service.finish()["id"]
    reading, writing = os.pipe()
    os.close(reading)
    process = shell.start("download", job_id, "-o", "-", stdout=writing)
    os.close(writing)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (1, "")


def test_times_say_their_zone(shell: Shell, service: LiveService) -> None:
    """Every time for people is that of this machine's clock, with its zone; JSON keeps UTC."""
    job_id = service.finish()["id"]
    moment = datetime.fromisoformat(service.job(job_id)["created_at"])
    there = moment.astimezone(timezone(timedelta(hours=-3)))
    shell.environment["TZ"] = "XYZ3"  # POSIX: three hours west of Greenwich
    assert f"{there:%Y-%m-%d %H:%M:%S} XYZ" in shell("show", job_id).out
    assert f"{there:%m-%d %H:%M} XYZ" in shell("list").out
    assert shell("show", job_id, "--json").json["created_at"].endswith("Z")


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["generate"], 4, "(field: prompt)"),
        (["generate", "x", "--resolution", "9999x16"], 4, "Hint: The nearest this model can"),
        (["generate", "x", "--option", "speed=1"], 4, "(field: options.speed)"),
        (["generate", "x", "--option", "speed"], 2, "As in --option name=value."),
        (["generate", "x", "--fps", "fast"], 2, "Error"),
        (["show", UNKNOWN], 4, "No such job."),
        (["download", UNKNOWN], 4, "No such job."),
        (["watch", UNKNOWN], 4, "No such job."),
        (["list", "--service", "sora"], 2, "ltx2, wan21"),
        (["list", "--service", "wan21"], 3, "http://127.0.0.1:9 does not answer."),
        (["watch", "x", "--service", "http://["], 2, "There is no service"),
        (["watch", "x", "--service", "http://127.0.0.1:9"], 3, "does not answer"),
        (["nonsense"], 2, "nonsense"),
    ],
)
def test_errors_are_a_message_a_field_and_a_hint(
    shell: Shell, words: list[str], code: int, says: str
) -> None:
    assert says in shell(*words, code=code).err


def test_errors_are_json_where_programs_read(shell: Shell) -> None:
    error = shell("generate", "x", "--fps", "1000", "--json", code=4).json["error"]
    assert error["param"] == "fps"
    assert set(error) == {"code", "message", "param", "hint"}


def test_a_job_that_fails_is_status_1_with_its_reason(shell: Shell) -> None:
    ran = shell("generate", "x", "--wait", "--option", "raise_at=denoising", code=1)
    assert "secret" not in ran.err
    assert "Hint:" in ran.err


def interrupted(shell: Shell, service: LiveService, *words: str) -> tuple[str, str]:
    """Ctrl+C once the job runs; answers the job's id and what was said."""
    process = shell.start("generate", "x", "--wait", *SLOW, *words)
    running: Callable[[], list[Any]] = lambda: service.jobs(state="running")  # noqa: E731
    job_id = wait_until(running)[0]["id"]
    assert process.stderr is not None
    while "denoising" not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "Traceback" not in err
    return job_id, err


def test_ctrl_c_leaves_the_job_running_and_says_how_to_go_on(
    shell: Shell, service: LiveService
) -> None:
    job_id, said = interrupted(shell, service)
    assert f"videosdgx watch {job_id} --service {service.url}" in said
    assert service.job(job_id)["state"] == "running"


def test_ctrl_c_can_cancel(shell: Shell, service: LiveService) -> None:
    job_id, said = interrupted(shell, service, "--cancel-on-interrupt")
    assert f"Cancelled job {job_id}." in said
    service.wait_for(job_id, "cancelled")


def test_a_service_that_restarts_is_waited_for(fleet: Fleet, tmp_path: Path) -> None:
    service = fleet.start()
    process = Shell(tmp_path, service.url).start(
        *("generate", "x", "--output", "x.mp4", "--steps", "20", "--option", "step_seconds=0.1")
    )
    wait_until(lambda: service.jobs(state="running"))
    service.kill()
    service.restart()
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert (tmp_path / "x.mp4").is_file()


def test_health_of_one_and_of_all(shell: Shell) -> None:
    assert "toy" in shell("health", code=0).out
    assert shell("health", "--json").json["services"][0]["name"] == "toy"
    del shell.environment["VIDEOSDGX_URL"]
    assert "ltx2" in shell("health", code=3).out
