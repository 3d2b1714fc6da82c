"""Templates in a folder, a YAML file each: read again when it changes, without the broken ones."""

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Generic, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from common.base.errors import Unresolvable
from common.base.logs import get_logger

log = get_logger("templates")

MAX_FILES = 200
MAX_FILE_BYTES = 32 * 1024
MAX_DESCRIPTION_CHARS = 1000

_State = tuple[tuple[str, int, int], ...]
"""Name, time of change in nanoseconds and size of each file."""


class NamedTemplate(BaseModel):
    """What every template says of itself."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
    description: Annotated[str, Field(max_length=MAX_DESCRIPTION_CHARS)]


T = TypeVar("T", bound=NamedTemplate)


class YamlFolder(Generic[T]):
    """All ``*.yaml`` files of one folder. May be asked by any thread."""

    def __init__(self, folder: Path, template: type[T], shown_at: str) -> None:
        self._folder = folder
        self._shown_at = shown_at
        self._template = template
        self._lock = threading.Lock()
        self._seen: _State | None = None
        self._known: Mapping[str, T] = {}

    def all(self) -> list[T]:
        """Every template that can be used now, by name."""
        with self._lock:
            state = self._look()
            if state != self._seen:
                self._known, self._seen = self._read(state), state
            return [self._known[name] for name in sorted(self._known)]

    def named(self, name: str) -> T:
        """The one of this name, as it is now.

        Raises:
            Unresolvable: there is no such template.
        """
        templates = self.all()
        found = next((template for template in templates if template.name == name), None)
        if found is None:
            names = ", ".join(template.name for template in templates) or "none"
            raise Unresolvable(
                f"template: there is no {name!r}.",
                param="template",
                hint=f"The templates: {names}. GET {self._shown_at} shows them.",
            )
        return found

    def _look(self) -> _State:
        try:
            files = sorted(path for path in self._folder.glob("*.yaml") if path.is_file())
            stats = [(path.name, path.stat()) for path in files[:MAX_FILES]]
        except OSError:  # one went away just now: the next look will be right
            return ()
        return tuple((name, stat.st_mtime_ns, stat.st_size) for name, stat in stats)

    def _read(self, state: _State) -> Mapping[str, T]:
        found: dict[str, T] = {}
        for name, _, size in state:
            try:
                template = _template(self._template, self._folder / name, size)
                if template.name in found:
                    raise _Broken(f"another file has the name {template.name} already")
                found[template.name] = template
            except _Broken as exc:
                log.warning("template skipped", extra={"file": name, "reason": str(exc)})
        return found


class _Broken(Exception):
    """A file cannot be used; the message is for the operator's log."""


def _template(kind: type[T], path: Path, size: int) -> T:
    if size > MAX_FILE_BYTES:
        raise _Broken(f"over {MAX_FILE_BYTES} bytes")
    try:
        return kind.model_validate(yaml.safe_load(path.read_bytes()))
    except ValidationError as exc:
        first = exc.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise _Broken(f"{place}: {first['msg']}" if place else first["msg"]) from exc
    except (yaml.YAMLError, OSError, RecursionError, ValueError) as exc:
        raise _Broken(f"cannot be read: {exc}") from exc
