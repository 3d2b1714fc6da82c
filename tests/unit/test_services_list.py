"""A service is its folder: whatever looks for services finds it, and what is written agrees."""

import json
import re
import shutil
import subprocess
import sys
import tomllib
from operator import itemgetter
from pathlib import Path
from typing import Any

import pytest
import yaml
from setuptools import find_packages

from common.contract.finding import load_spec
from scripts.health_ask import urls_on
from scripts.services import MODELS, PORTS, BadService, find, spec_address
from scripts.write_services import BLOCKS, stale_files
from tests.live import ROOT

LOOKING = ("Makefile", "scripts/__init__.py", "scripts/lib.sh", "scripts/services.py")
COMPOSE = [name for name in BLOCKS if name.startswith("docker-compose")]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A repository, up to date, as far as services are looked for and written in it."""
    folders = [f"{name}/{file}" for name in MODELS for file in ("app.py", "model_config.py")]
    for name in (*BLOCKS, *LOOKING, "scripts/write_services.py", *folders):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    for name, text in stale_files(tmp_path).items():
        (tmp_path / name).write_text(text)
    return tmp_path


WITH_IT = dict(sorted({**PORTS, "another": 8007}.items(), key=itemgetter(1)))
"""By port."""


def add(tree: Path, name: str = "another", **other: str) -> Path:
    """A folder for a model: the toy under another name."""
    words = {'id="toy"': f'id="{name}"', "port=8099": "port=8007", "tests.toy": name, **other}
    (tree / name).mkdir()
    for path in (ROOT / "tests" / "toy").glob("[_am]*.py"):
        text = path.read_text()
        for before, after in words.items():
            text = text.replace(before, after)
        (tree / name / path.name).write_text(text)
    return tree / name


def run(tree: Path, *command: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)


def make(tree: Path, *asked: str) -> "subprocess.CompletedProcess[str]":
    """Where tests run below make, it would name its folder in the output."""
    return run(tree, "make", "--no-print-directory", *asked)


def make_services(tree: Path) -> "subprocess.CompletedProcess[str]":
    """With Python alone: -S leaves every installed package out."""
    return make(tree, "services", f"PYTHON={sys.executable} -S")


def read(tree: Path, name: str) -> Any:
    return yaml.safe_load((tree / name).read_text())


def texts(tree: Path) -> dict[str, str]:
    files = [path for path in tree.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    return {str(path.relative_to(tree)): path.read_text() for path in files}


def test_what_is_read_is_what_the_specs_say():
    specs = [load_spec(spec_address(name)) for name in MODELS]
    assert [(one.name, one.port, one.title) for one in find()] == [
        (spec.id, spec.port, spec.title) for spec in specs
    ]


def test_only_folders_at_the_top_are_services():
    assert {path.parent.name for path in ROOT.glob("*/model_config.py")} == set(PORTS)


def test_every_list_is_up_to_date():
    assert list(stale_files(ROOT)) == [], "make services"


def test_another_model_is_a_folder_and_make_services(tree: Path):
    add(tree)
    before = texts(tree)
    made = make_services(tree)
    assert (made.returncode, made.stderr) == (0, "")
    after = texts(tree)
    assert {name for name in after if after[name] != before.get(name)} == set(BLOCKS)
    assert run(tree, sys.executable, "-m", "scripts.write_services", "--check").returncode == 0
    assert (
        "https://{$TLS_HOST}:8447 {\n\timport service another:8007\n}" in after["proxy/Caddyfile"]
    )
    assert "\n!another\n" in after[".dockerignore"]
    assert "\n# ANOTHER_PORT=8007\n" in after[".env.example"]
    for name in ("README.md", "docs/QUICKSTART.md"):
        assert "\n| `another` | 8007 | Toy |  |\n" in after[name]


def test_its_container_is_like_the_others(tree: Path):
    add(tree)
    make_services(tree)
    services = read(tree, "docker-compose.yml")["services"]
    siblings = services["ltx2"]["environment"].pop("SIBLINGS")
    assert siblings == services["another"]["environment"].pop("SIBLINGS")
    listed = ",".join(f"{name}=:{port}" for name, port in WITH_IT.items())
    assert siblings == f"${{SIBLINGS:-{listed}}}"
    addresses = services["ltx2"]["environment"].pop("STACK_ADDRESSES")
    assert addresses == services["another"]["environment"].pop("STACK_ADDRESSES")
    at = ",".join(f"{name}=http://{name}:{port}" for name, port in WITH_IT.items())
    assert addresses == f"${{STACK_ADDRESSES:-{at}}}"
    like = json.dumps(services["ltx2"]).replace("ltx2", "another").replace("LTX2", "ANOTHER")
    assert json.loads(like.replace("8001", "8007")) == services["another"]
    assert "${TLS_ADDRESS:-127.0.0.1}:8447:8447" in services["proxy"]["ports"]
    gpu = read(tree, "docker-compose.gpu.yml")["services"]
    assert gpu["another"] == gpu["ltx2"]
    (job,) = read(tree, "monitoring/prometheus.yml")["scrape_configs"]
    (group,) = job["static_configs"]
    assert group["targets"] == [f"{name}:{port}" for name, port in WITH_IT.items()]


def test_the_compose_files_with_it_follow_the_specification(tree: Path):
    add(tree)
    make_services(tree)
    checker = Path(sys.executable).with_name("check-jsonschema")
    schema = ("--builtin-schema", "vendor.compose-spec", "--default-filetype", "yaml")
    ended = run(tree, str(checker), *schema, *COMPOSE)
    assert ended.returncode == 0, ended.stdout


def test_it_is_found_where_nothing_is_written(tree: Path):
    add(tree)
    wanted = WITH_IT
    shell = run(tree, "bash", "-c", "source scripts/lib.sh; services").stdout
    assert shell.splitlines() == [f"{name} {port}" for name, port in wanted.items()]
    shown = make(tree, "--eval", "show: ; @echo $(MODELS)", "show").stdout
    assert shown.split() == sorted(wanted)
    packages = tomllib.loads((tree / "pyproject.toml").read_text())["tool"]["setuptools"][
        "packages"
    ]
    assert "another" in find_packages(str(tree), exclude=packages["find"]["exclude"])


@pytest.mark.parametrize(("line", "verdict"), [("", "KEPT"), ("import ltx2.app", "BROKEN")])
def test_it_may_not_import_another_model(tree: Path, line: str, verdict: str):
    with (add(tree) / "model_config.py").open("a") as config:
        config.write(line)
    make_services(tree)
    (tree / "common").symlink_to(ROOT / "common")
    for name in MODELS:
        (tree / name / "__init__.py").touch()
    linted = run(tree, str(Path(sys.executable).with_name("lint-imports")), "--no-cache").stdout
    assert f"models sit on common and never on each other {verdict}" in linted, linted


def test_a_folder_that_went_is_taken_out(tree: Path):
    shutil.rmtree(tree / "waver")
    assert make_services(tree).returncode == 0
    assert "waver" not in read(tree, "docker-compose.yml")["services"]
    assert "| `waver` |" not in (tree / "README.md").read_text()


@pytest.mark.parametrize("name", BLOCKS)
def test_a_list_that_was_changed_by_hand_is_named(tree: Path, name: str):
    text = (tree / name).read_text()
    changed = re.sub(r".*\n(?=.*services: end)", "", text, count=1)
    (tree / name).write_text(changed)
    assert list(stale_files(tree)) == [name]
    checked = run(tree, sys.executable, "-m", "scripts.write_services", "--check")
    assert (checked.returncode, checked.stdout) == (1, f"{name} is not up to date: make services\n")
    assert (tree / name).read_text() == changed


def test_the_words_of_a_row_stay(tree: Path):
    text = (tree / "README.md").read_text()
    row = re.compile(r"^\| `ltx2` .*$", re.MULTILINE)
    (tree / "README.md").write_text(row.sub("| `ltx2` | 1 | our words | and more |", text))
    assert make_services(tree).stdout == "wrote README.md\n"
    wanted = row.sub("| `ltx2` | 8001 | our words | and more |", text)
    assert (tree / "README.md").read_text() == wanted


def test_a_mark_that_is_gone_is_an_error(tree: Path):
    text = (tree / ".dockerignore").read_text()
    (tree / ".dockerignore").write_text(text.replace("# services: end\n", ""))
    made = run(tree, sys.executable, "-m", "scripts.write_services")
    assert (made.returncode, made.stderr) == (2, ".dockerignore has 0 marked places and not 1.\n")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"port=8099": "port=8001"}, "another and ltx2 both have port 8001"),
        ({"port=8099": "port=PORT"}, "another/model_config.py: SPEC must say id"),
        ({'id="toy"': 'id="other"'}, "another/model_config.py: SPEC must say id"),
    ],
)
def test_a_folder_that_is_no_service_is_named(tree: Path, changed: dict[str, str], words: str):
    add(tree, **changed)
    with pytest.raises(BadService, match=words):
        find(tree)


def test_health_asks_them_all(monkeypatch: pytest.MonkeyPatch):
    for name in PORTS:
        monkeypatch.delenv(f"{name.upper()}_PORT", raising=False)
    monkeypatch.setenv("WAN21_PORT", "9002")
    found = urls_on("spark")
    assert found.keys() == PORTS.keys()
    assert found["wan21"] == "http://spark:9002"
