"""Rules of the code base that a reader should be able to rely on."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.services import MODELS

ROOT = Path(__file__).parents[2]
PACKAGES = ("common", *MODELS, "scripts", "tests")
SOURCES = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def test_imports_point_down_only():
    script = Path(sys.executable).with_name("lint-imports")
    result = subprocess.run([script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("house", ["common", "common/api"])
def test_a_house_is_read_from_the_door(house: str):
    """A dozen names at its top, and each room says what lives there."""
    inside = [path for path in (ROOT / house).iterdir() if not path.name.startswith("__")]
    assert len(inside) <= 12
    faces = [path / "__init__.py" for path in inside if path.is_dir()]
    silent = [str(path) for path in faces if not ast.get_docstring(ast.parse(path.read_text()))]
    assert silent == []


def test_common_names_no_model():
    pattern = re.compile("|".join(MODELS), re.IGNORECASE)
    named = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in sorted((ROOT / "common").rglob("*.py"))
        for line in path.read_text().splitlines()
        if pattern.search(_without_docs(line))
    ]
    assert named == []


def test_tiny_checkpoints_are_made_without_any_models_package():
    """In an image there is one, and a tiny checkpoint may be put together from another's parts."""
    pattern = re.compile(rf"^\s*(?:from|import) (?:{'|'.join(MODELS)})\b", re.MULTILINE)
    tiny = (ROOT / "scripts" / "tiny").rglob("*.py")
    assert [path.name for path in tiny if pattern.search(path.read_text())] == []


def _without_docs(line: str) -> str:
    """Examples in docstrings and comments may name a model."""
    return "" if re.search(r'"""|``|#', line) else line


WORDS_OF_VIDEOS = re.compile("num_frames|fps|VideoClip|thumbnail|spritesheet")
ROOMS_OF_VIDEOS = ("kinds/video", "media", "runtime")


def test_the_core_names_no_kind():
    """What a kind of work is, the kind says; ``runtime`` is what models of videos stand on."""
    rooms = [ROOT / "common" / room for room in ROOMS_OF_VIDEOS]
    core = [
        path
        for path in sorted((ROOT / "common").rglob("*.py"))
        if not any(path.is_relative_to(room) for room in rooms)
    ]
    named = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in core
        for line in path.read_text().splitlines()
        if WORDS_OF_VIDEOS.search(line) or "common.kinds" in line
    ]
    assert len(core) > 150
    assert named == []


def test_tests_use_no_mocks_and_no_sleeps():
    allowed = {"tests/live.py"}  # its bounded poll is the one place where tests wait
    forbidden = re.compile(r"MagicMock|mock\.patch|from unittest import mock|time\.sleep\(")
    found = [
        str(path.relative_to(ROOT))
        for path in sorted((ROOT / "tests").rglob("*.py"))
        if forbidden.search(path.read_text()) and path != Path(__file__)
    ]
    assert set(found) <= allowed


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_are_short(path: Path):
    limit = 400 if path.is_relative_to(ROOT / "tests") else 250
    assert len(path.read_text().splitlines()) <= limit


def test_no_error_text_of_the_inside_reaches_a_client():
    """``str(exc)`` may be looked at, never put into a message."""
    raised = re.compile(r"(message|hint|detail)\s*=\s*(f\"[^\"]*\{exc|str\(exc)")
    found = [str(path) for path in SOURCES if raised.search(path.read_text())]
    assert found == []


def test_functions_are_short():
    longest = [
        (node.end_lineno - node.lineno, f"{path.relative_to(ROOT)}:{node.name}")
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno
    ]
    assert [name for lines, name in longest if lines > 50] == []


def test_a_models_configuration_imports_no_torch_and_no_numpy():
    heavy = ("torch", "diffusers", "transformers", "cv2", "numpy")
    code = (
        "import sys, common.service, "
        + ", ".join(f"{model}.model_config" for model in MODELS)
        + f"; print([name for name in {heavy} if name in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"


def test_diffusers_and_transformers_come_by_way_of_our_module():
    """By themselves they import what takes several times as long as torch, and is not used."""
    late = []
    for path in SOURCES:
        imported = [
            name.partition(".")[0] if name != "common.runtime.libraries" else name
            for node in ast.parse(path.read_text()).body
            for name in _imported(node)
        ]
        heavy = [imported.index(name) for name in ("diffusers", "transformers") if name in imported]
        if heavy and "common.runtime.libraries" not in imported[: min(heavy)]:
            late.append(str(path.relative_to(ROOT)))
    assert late == []


def _imported(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module or ""] if isinstance(node, ast.ImportFrom) else []
