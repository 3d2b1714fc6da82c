"""Settings come from the environment, frozen, each one explained."""

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from common.base.settings import Settings, SettingsError, load_settings

EXAMPLE = Path(__file__).parents[2] / ".env.example"


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No ``.env`` of the developer's and no variables of theirs."""
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        for prefix in ("", "WAN21_", "LTX2_"):
            monkeypatch.delenv(f"{prefix}{name.upper()}", raising=False)


def test_a_setting_of_one_service_beats_the_common_one(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AUTO_UNLOAD_MINUTES", "5")
    monkeypatch.setenv("WAN21_AUTO_UNLOAD_MINUTES", "0")
    assert load_settings("wan21").auto_unload_minutes == 0
    assert load_settings("ltx2").auto_unload_minutes == 5


def test_the_env_file_counts_too(tmp_path: Path):
    (tmp_path / ".env").write_text("MAX_QUEUE=7\nWAN21_CHECKPOINT=org/name\nPORT=\n")
    settings = load_settings("wan21")
    assert (settings.max_queue, settings.checkpoint, settings.port) == (7, "org/name", None)


def test_a_bad_value_names_the_variable(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MAX_QUEUE", "many")
    with pytest.raises(SettingsError, match="MAX_QUEUE"):
        load_settings("wan21")


def test_settings_are_frozen():
    with pytest.raises(ValidationError):
        Settings().max_queue = 3  # type: ignore[misc]


def test_every_setting_is_in_the_example_with_its_default_and_a_word():
    lines = EXAMPLE.read_text().splitlines()
    explained = {
        match[1]: (match[2], lines[number - 1])
        for number, line in enumerate(lines)
        if (match := re.fullmatch(r"#? ?([A-Z0-9_]+)=(.*)", line))
    }
    for name, field in Settings.model_fields.items():
        value, above = explained[name.upper()]
        default = "" if field.default is None else str(field.default)
        assert value == default, name
        assert above.startswith("# "), f"{name} is not explained"


def test_the_example_names_no_setting_that_does_not_exist():
    names = re.findall(r"^#? ?([A-Z][A-Z_0-9]+)=", EXAMPLE.read_text(), flags=re.M)
    own = {"WAN21_CHECKPOINT", "LTX2_CHECKPOINT", "WAVER_CHECKPOINT"}
    compose = "".join(path.read_text() for path in EXAMPLE.parent.glob("docker-compose*.yml"))
    own |= set(re.findall(r"\$\{([A-Z0-9_]+)", compose)) | {"COMPOSE_FILE", "COMPOSE_PROFILES"}
    assert set(names) - own == {name.upper() for name in Settings.model_fields} - own


def test_no_part_takes_anothers_check_away():
    """Of two methods of one name, in two of the classes that make up the settings, one is lost."""
    checks = [
        name
        for part in Settings.__bases__
        for name, value in vars(part).items()
        if isinstance(value, classmethod) and not name.startswith("__")
    ]
    assert {"_readable", "_addresses"} <= set(checks)
    assert len(checks) == len(set(checks)), checks
