"""The templates of a folder: read again when it changes; a broken file is named and skipped."""

import threading
from collections.abc import Mapping
from pathlib import Path

import yaml
from pydantic import ValidationError

from common.base.errors import Unresolvable
from common.base.logs import get_logger
from common.kinds.video.requests import GenerateRequest
from common.kinds.video.templates.template import Template

log = get_logger("templates")

PACKAGED = Path(__file__).with_name("packaged")
"""What comes with the program."""
MAX_FILES = 200
MAX_FILE_BYTES = 32 * 1024

_State = tuple[tuple[str, int, int], ...]
"""Name, time of change in nanoseconds and size of each file."""


class TemplateFolder:
    """All ``*.yaml`` files of one folder. May be asked by any thread."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._seen: _State | None = None
        self._known: Mapping[str, Template] = {}

    def all(self) -> list[Template]:
        """Every template that can be used now, by name."""
        with self._lock:
            state = self._look()
            if state != self._seen:
                self._known, self._seen = self._read(state), state
            return [self._known[name] for name in sorted(self._known)]

    def filled(self, request: GenerateRequest) -> GenerateRequest:
        """The request with its template's prompt; as it is where it names none.

        Raises:
            Unresolvable: no such template, or its variables do not fit.
        """
        if request.template is None:
            return request
        known = {template.name: template for template in self.all()}
        template = known.get(request.template)
        if template is None:
            raise Unresolvable(
                f"template: there is no {request.template!r}.",
                param="template",
                hint=f"The templates: {', '.join(known) or 'none'}. GET /presets shows them.",
            )
        return request.model_copy(update={"prompt": template.filled(request.variables)})

    def _look(self) -> _State:
        try:
            files = sorted(path for path in self._folder.glob("*.yaml") if path.is_file())
            stats = [(path.name, path.stat()) for path in files[:MAX_FILES]]
        except OSError:  # one went away just now: the next look will be right
            return ()
        return tuple((name, stat.st_mtime_ns, stat.st_size) for name, stat in stats)

    def _read(self, state: _State) -> Mapping[str, Template]:
        found: dict[str, Template] = {}
        for name, _, size in state:
            try:
                template = _template(self._folder / name, size)
                if template.name in found:
                    raise _Broken(f"another file has the name {template.name} already")
                found[template.name] = template
            except _Broken as exc:
                log.warning("template skipped", extra={"file": name, "reason": str(exc)})
        return found


class _Broken(Exception):
    """A file cannot be used; the message is for the operator's log."""


def _template(path: Path, size: int) -> Template:
    if size > MAX_FILE_BYTES:
        raise _Broken(f"over {MAX_FILE_BYTES} bytes")
    try:
        return Template.model_validate(yaml.safe_load(path.read_bytes()))
    except ValidationError as exc:
        first = exc.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise _Broken(f"{place}: {first['msg']}" if place else first["msg"]) from exc
    except (yaml.YAMLError, OSError, RecursionError, ValueError) as exc:
        raise _Broken(f"cannot be read: {exc}") from exc
