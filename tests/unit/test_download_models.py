"""``download_models.sh`` with the real ``hf`` and a hub on localhost; df and docker are made up."""

import hashlib
import os
import pty
import select
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.fetch_file import Refused, fetch
from tests.hub import COMMIT, Hub, running_hub
from tests.live import ROOT
from tests.machines import Machine

WAN = "Wan-AI/Wan2.1-T2V-14B-Diffusers"
LTX = "Lightricks/LTX-2"
MAGI = "sand-ai/MAGI-1"
SMALL_WAN = "Wan-AI/Wan2.1-T2V-1.3B-Diffusers"
LORAS = "lightx2v/Wan2.1-Distill-Loras"
LORA = "wan2.1_t2v_14b_lora_rank64_lightx2v_4step.safetensors"
WAVER = "Wan-AI/Wan2.2-TI2V-5B-Diffusers"
HUNYUAN = "FastVideo/FastHunyuan-diffusers"
WHISPER = "mobiuslabsgmbh/faster-whisper-large-v3-turbo"
PINNED = {
    WAN: "38ec498cb3208fb688890f8cc7e94ede2cbd7f68",
    LTX: "47da56e2ad66ce4125a9922b4a8826bf407f9d0a",
    LORAS: "27ae38da91014b947dd39cc3fa78b97cd7b386dd",
    HUNYUAN: "7e948fca38562e218ae34485e005956592d36d9b",
    WHISPER: "0a363e9161cbc7ed1431c9597a8ceaf0c4f78fcf",
}
WEIGHTS = bytes(range(256)) * 100_000
"""More than two of the pieces of 10 MB in which hf writes."""

PATIENCE_SECONDS = 30

T5 = "ckpt/t5/t5-v1_1-xxl"
REPOSITORIES = {
    WAN: {
        "model_index.json": b"{}",
        "transformer/weights.safetensors": WEIGHTS,
        "transformer/weights.bin": b"a pickle",
        "single_file.safetensors": b"the same again",
    },
    LTX: {
        "model_index.json": b"{}",
        "vae/weights.safetensors": b"1",
        "text_encoder/model-00001-of-00001.safetensors": b"1",
        "text_encoder/diffusion_pytorch_model-00001-of-00001.safetensors": b"stale",
        "text_encoder/diffusion_pytorch_model.safetensors.index.json": b"{}",
        "latent_upsampler/diffusion_pytorch_model.safetensors": b"second stage",
        "ltx-2-19b-distilled-lora-384.safetensors": b"second stage",
        "ltx-2-19b-dev.safetensors": b"not loaded",
    },
    SMALL_WAN: {"model_index.json": b"{}", "vae/weights.safetensors": b"1"},
    LORAS: {LORA: b"1", "another.safetensors": b"1"},
    WAVER: {"model_index.json": b"{}", "vae/weights.safetensors": b"1"},
    HUNYUAN: {"model_index.json": b"{}", "vae/weights.safetensors": b"1"},
    WHISPER: {
        "config.json": b"{}",
        "model.bin": b"CTranslate2's own form",
        "preprocessor_config.json": b"{}",
        "tokenizer.json": b"{}",
        "vocabulary.json": b"[]",
        "README.md": b"not loaded",
        "pytorch_model.bin": b"a pickle",
    },
    MAGI: {
        "ckpt/magi/4.5B_distill/model.safetensors": b"1",
        "ckpt/magi/24B_base/model.safetensors": b"1",
        f"{T5}/pytorch_model.bin": b"a pickle",
        f"{T5}/model.safetensors.index.json": b"{}",
        "ckpt/vae/model.safetensors": b"1",
    },
}
DF = 'echo "Filesystem 1024-blocks Used Available Capacity Mounted"; echo "/dev/x 9 9 {free} 1% /"'


@pytest.fixture
def hub() -> Iterator[Hub]:
    with running_hub({name: dict(files) for name, files in REPOSITORIES.items()}) as hub:
        yield hub


@pytest.fixture
def machine(tmp_path: Path, hub: Hub) -> Machine:
    machine = Machine(tmp_path)
    machine.fake("python", f'exec {sys.executable} "$@"')
    machine.real("hf", Path(sys.executable).with_name("hf"))
    machine.fake("df", DF.format(free=10**9))
    machine.settings |= {
        "VENV": "/none",
        "MODELS_DIR": str(tmp_path / "models"),
        "HF_ENDPOINT": hub.url,
        "HF_HUB_DISABLE_XET": "1",
        "NO_PROXY": "127.0.0.1",
    }
    return machine


def snapshot(machine: Machine, repository: str) -> Path:
    folder = f"models--{repository.replace('/', '--')}"
    commit = PINNED.get(repository, COMMIT)
    return machine.folder / "models" / folder / "snapshots" / commit


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_only_what_is_used_comes(machine: Machine, hub: Hub):
    done = machine.run("download_models.sh", "wan21")
    assert done.returncode == 0, done.stderr
    wanted = {"model_index.json", "transformer/weights.safetensors"}
    assert files(snapshot(machine, WAN)) == wanted
    assert set(hub.sent) == wanted
    assert "25.6MB" in done.stdout or "26MB" in done.stdout
    assert "licence of wan21: Apache-2.0" in done.stdout
    assert "All checksums match" in done.stdout


def test_files_that_nothing_loads_stay_where_they_are(machine: Machine):
    machine.settings["LTX2_TWO_STAGES"] = "false"
    done = machine.run("download_models.sh", "--accept-licence", "ltx2")
    assert done.returncode == 0, done.stderr
    loaded = {
        "model_index.json",
        "vae/weights.safetensors",
        "text_encoder/model-00001-of-00001.safetensors",
    }
    assert files(snapshot(machine, LTX)) == loaded
    del machine.settings["LTX2_TWO_STAGES"]
    done = machine.run("download_models.sh", "ltx2")
    assert done.returncode == 0, done.stderr
    assert files(snapshot(machine, LTX)) - loaded == {
        "latent_upsampler/diffusion_pytorch_model.safetensors",
        "ltx-2-19b-distilled-lora-384.safetensors",
    }


@pytest.mark.slow
def test_a_repository_stands_for_the_services_that_are_set_to_it(machine: Machine, hub: Hub):
    machine.settings |= {"WAN21_CHECKPOINT": SMALL_WAN, "WAVER_CHECKPOINT": SMALL_WAN}
    done = machine.run("download_models.sh", "--list", SMALL_WAN)
    assert done.returncode == 0, done.stderr
    for model in ("wan21", "waver"):
        assert f"licence of {model}" in done.stdout
    assert LTX not in done.stdout
    refused = machine.run("download_models.sh", WAN)
    assert refused.returncode == 2
    assert f"no service is set to {WAN}" in refused.stderr
    assert hub.sent == {}


@pytest.mark.slow
def test_a_lora_stands_for_its_service_with_its_base(machine: Machine):
    machine.settings |= {"WAN21_CHECKPOINT": f"{WAN}+lightx2v-4step"}
    done = machine.run("download_models.sh", LORAS)
    assert done.returncode == 0, done.stderr
    assert "model_index.json" in files(snapshot(machine, WAN))
    assert files(snapshot(machine, LORAS)) == {LORA}


def test_a_second_run_fetches_nothing(machine: Machine, hub: Hub):
    machine.run("download_models.sh", "wan21")
    hub.sent.clear()
    done = machine.run("download_models.sh", "wan21")
    assert done.returncode == 0, done.stderr
    assert hub.sent == {}
    assert "Checking" not in done.stdout


def test_what_was_not_checked_to_the_end_is_checked_by_the_next_run(machine: Machine):
    hf, begun = (machine.bin / "hf").resolve(), machine.folder / "begun"
    first = f'[ "$1 $2" = "cache verify" ] && [ ! -e {begun} ] && touch {begun}'
    machine.fake("hf", f'{first} && kill -KILL $PPID\nexec {hf} "$@"')
    assert machine.run("download_models.sh", "waver").returncode < 0
    done = machine.run("download_models.sh", "waver")
    assert done.returncode == 0, done.stderr
    assert "All checksums match" in done.stdout
    assert not list((machine.folder / "models").glob(".unchecked*"))


def test_an_interrupted_download_goes_on(machine: Machine, hub: Hub):
    hub.cut_after["transformer/weights.safetensors"] = 15_000_000
    done = machine.run("download_models.sh", "wan21")
    assert done.returncode == 0, done.stderr
    assert hub.sent["transformer/weights.safetensors"] < 2 * len(WEIGHTS)
    assert (snapshot(machine, WAN) / "transformer/weights.safetensors").read_bytes() == WEIGHTS


def test_damage_is_found(machine: Machine):
    machine.run("download_models.sh", "wan21")
    file = (snapshot(machine, WAN) / "transformer/weights.safetensors").resolve()
    file.write_bytes(b"x" + WEIGHTS[1:])
    done = machine.run("download_models.sh", "--verify", "wan21")
    assert done.returncode == 1
    assert "weights.safetensors" in done.stdout
    assert "is not what the hub has" in done.stderr
    assert "with the blobs that they link to" in done.stderr
    file.unlink()
    (snapshot(machine, WAN) / "transformer/weights.safetensors").unlink()
    assert machine.run("download_models.sh", "wan21").returncode == 0
    assert machine.run("download_models.sh", "--verify", "wan21").returncode == 0


def test_too_little_space(machine: Machine, hub: Hub):
    machine.fake("df", DF.format(free=20 * 10**6))
    done = machine.run("download_models.sh", "wan21")
    assert done.returncode == 1
    assert "20 GB free" in done.stderr
    assert hub.sent == {}


@pytest.mark.slow
def test_a_licence_is_accepted_once(machine: Machine, hub: Hub):
    refused = machine.run("download_models.sh", "ltx2")
    assert refused.returncode == 1
    assert "licence of ltx2 has to be accepted" in refused.stderr
    assert hub.sent == {}
    assert machine.run("download_models.sh", "--accept-licence", "ltx2").returncode == 0
    assert machine.run("download_models.sh", "ltx2").returncode == 0


def test_a_licence_that_does_not_hold_everywhere_is_told_and_asked_for(machine: Machine, hub: Hub):
    refused = machine.run("download_models.sh", "hunyuan")
    assert refused.returncode == 1
    for words in (
        "European Union, the United Kingdom and South Korea",
        "licence of hunyuan has to be",
    ):
        assert words in refused.stderr
    assert "run scripts/download_models.sh --accept-licence hunyuan" in refused.stderr
    assert hub.sent == {}
    done = machine.run("download_models.sh", "--accept-licence", "hunyuan")
    assert done.returncode == 0, done.stderr
    assert "licence of hunyuan: Tencent Hunyuan Community" in done.stdout
    accepted = (machine.folder / "models" / ".accepted_licences").read_text()
    assert accepted.startswith("hunyuan|Tencent Hunyuan Community License Agreement")
    assert files(snapshot(machine, HUNYUAN)) == {"model_index.json", "vae/weights.safetensors"}


def test_a_gated_model_is_explained(machine: Machine, hub: Hub):
    hub.gated.add(WAN)
    done = machine.run("download_models.sh", "wan21")
    assert done.returncode == 1
    assert "Access denied" in done.stderr
    for word in (f"huggingface.co/{WAN}", "settings/tokens", "HF_TOKEN="):
        assert word in done.stderr


def test_a_list_fetches_nothing(machine: Machine, hub: Hub):
    done = machine.run("download_models.sh", "--list")
    assert done.returncode == 0, done.stderr
    assert all(name in done.stdout for name in (WAN, LTX, MAGI, WAVER, HUNYUAN))
    assert hub.sent == {}


@pytest.mark.slow
def test_magi1_comes_with_its_pickles(machine: Machine):
    tokens = snapshot(machine, MAGI) / "ckpt" / "special_tokens.npz"
    tokens.parent.mkdir(parents=True)
    tokens.write_bytes(b"fetched before")
    done = machine.run("download_models.sh", "magi1")
    assert done.returncode == 0, done.stderr
    found = files(snapshot(machine, MAGI))
    assert f"{T5}/pytorch_model.bin" in found
    assert "ckpt/magi/24B_base/model.safetensors" not in found
    assert "is converted already" in done.stdout


def test_whisper_comes_in_the_form_of_ctranslate2(machine: Machine):
    done = machine.run("download_models.sh", "--accept-licence", "studio")
    assert done.returncode == 0, done.stderr
    left = {"README.md", "pytorch_model.bin"}
    assert files(snapshot(machine, WHISPER)) == set(REPOSITORIES[WHISPER]) - left


def test_what_is_not_there_is_named(machine: Machine):
    for argument in ("wan22", "--fast"):
        done = machine.run("download_models.sh", argument)
        assert done.returncode == 2
        assert argument in done.stderr
    (machine.bin / "hf").unlink()
    done = machine.run("download_models.sh", "wan21")
    assert done.returncode == 1
    assert "make setup" in done.stderr


@pytest.mark.parametrize("engine", ["docker compose", "docker-compose"])
def test_it_works_inside_the_containers(machine: Machine, engine: str):
    asked = machine.folder / "asked"
    note = f'[ "${{1:-}} ${{2:-}}" = "compose version" ] || echo "$@" >>{asked}'
    machine.fake("docker", note if engine == "docker compose" else "exit 1")
    machine.fake("docker-compose", note)
    done = machine.run("download_models.sh", "--docker", "--accept-licence", "ltx2", "magi1")
    assert done.returncode == 0, done.stderr
    start = "compose run" if engine == "docker compose" else "run"
    assert asked.read_text().splitlines() == [
        f"{start} --rm --no-deps {model} scripts/download_models.sh --accept-licence {model}"
        for model in ("ltx2", "magi1")
    ]


def test_upscalers_come_by_name_and_into_the_containers_volume(machine: Machine):
    done = machine.run("download_models.sh", "--verify", "upscalers")
    assert done.returncode == 1
    assert "realesrgan-x4plus.bin missing or damaged" in done.stdout
    assert "fix: run scripts/download_models.sh upscalers" in done.stderr
    asked = machine.folder / "asked"
    machine.fake("docker", f'[ "${{1:-}} ${{2:-}}" = "compose version" ] || echo "$@" >>{asked}')
    assert machine.run("download_models.sh", "--docker", "upscalers").returncode == 0
    assert asked.read_text().splitlines() == [
        "compose run --rm --no-deps ltx2 scripts/download_models.sh upscalers"
    ]


@pytest.mark.parametrize(("answers", "repository"), [("2\n", WAN), ("1\ny\n", LTX)])
def test_the_menu(machine: Machine, answers: str, repository: str):
    status, shown = at_terminal(machine, answers)
    assert status == 0, shown
    assert "1) ltx2" in shown
    assert snapshot(machine, repository).is_dir()


@pytest.mark.parametrize(("answers", "status"), [("q\n", 0), ("9\n", 1), ("1\nn\n", 1)])
def test_leaving_the_menu(machine: Machine, hub: Hub, answers: str, status: int):
    assert at_terminal(machine, answers)[0] == status
    assert hub.sent == {}


def at_terminal(machine: Machine, answers: str) -> tuple[int, str]:
    """Run the script as at a terminal; what was typed, and what was shown."""
    ours, theirs = pty.openpty()
    command = ["bash", str(ROOT / "scripts" / "download_models.sh")]
    environment = {"PATH": str(machine.bin), **machine.settings}
    child = subprocess.Popen(
        command,
        executable="/bin/bash",
        env=environment,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    os.write(ours, answers.encode())
    shown = b""
    while piece := _read(ours):
        shown += piece
    os.close(ours)  # hangs up: a script that still waits for an answer ends
    return child.wait(10), shown.decode(errors="replace")


def _read(terminal: int) -> bytes:
    """Nothing once the script has ended, or says nothing for long."""
    if not select.select([terminal], [], [], PATIENCE_SECONDS)[0]:
        return b""
    try:
        return os.read(terminal, 65536)
    except OSError:  # Linux says EIO when the other side is closed
        return b""


def test_a_small_file_is_checked(tmp_path: Path, hub: Hub):
    url = f"{hub.url}/{WAN}/resolve/main/model_index.json"
    digest = hashlib.sha256(b"{}").hexdigest()
    fetch(url, digest, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == b"{}"
    with pytest.raises(Refused, match="another file"):
        fetch(url, "0" * 64, tmp_path / "other")
    with pytest.raises(Refused, match="cannot be fetched"):
        fetch(f"{hub.url}/nowhere", digest, tmp_path / "other")
    assert list(tmp_path.iterdir()) == [tmp_path / "file"] or not (tmp_path / "other").exists()
