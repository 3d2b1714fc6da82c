"""Keys for the tests, and those who hold them."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from common.api.auth.caller import Scope
from common.api.auth.keys import line_for, new_key
from tests.live import LiveService


@dataclass
class Keys:
    """A key file that tests write."""

    path: Path
    keys: dict[str, str] = field(default_factory=dict)
    lines: dict[str, str] = field(default_factory=dict)

    def make(self, *names: str, scope: Scope = Scope.USER) -> "Keys":
        """A key for each name."""
        for name in names:
            self.keys[name] = new_key()
            self.lines[name] = line_for(name, scope, self.keys[name])
        self.write()
        return self

    def remove(self, name: str) -> None:
        """Its key stays known here, and is good no more."""
        del self.lines[name]
        self.write()

    def write(self) -> None:
        self.path.write_text("# keys of the tests\n\n" + "\n".join(self.lines.values()) + "\n")


def everyone(folder: Path) -> Keys:
    """Two users and an admin."""
    return Keys(folder / "api_keys").make("ana", "ben").make("root", scope=Scope.ADMIN)


@contextmanager
def callers(service: LiveService, keys: Keys) -> Iterator[dict[str, httpx.Client]]:
    """A client for each key, and ``nobody``."""
    with ExitStack() as stack:
        named: dict[str, Any] = {name: {"X-API-Key": key} for name, key in keys.keys.items()}
        yield {
            name: stack.enter_context(
                httpx.Client(base_url=service.url, headers=headers, timeout=20, trust_env=False)
            )
            for name, headers in (named | {"nobody": {}}).items()
        }


def made_by(client: httpx.Client, **fields: Any) -> str:
    """The id of a job of theirs."""
    answer = client.post("/generate", json={"prompt": "a bar", **fields})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])
