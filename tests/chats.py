"""Somebody who writes prompts: a real HTTP server that speaks as OpenAI's chat completions do."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.receivers import Receiver, Reply, receiver


def said(content: Any) -> Reply:
    """A chat completion with this content."""
    message = {"role": "assistant", "content": content}
    body = json.dumps({"id": "c", "choices": [{"index": 0, "message": message}]}).encode()
    return Reply(headers={"Content-Type": "application/json"}, body=body)


@dataclass(frozen=True)
class Chat:
    """``receiver`` is told of each question; its answers may be set."""

    receiver: Receiver

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.receiver.port}/v1"

    @property
    def asked(self) -> list[dict[str, Any]]:
        return [told.json for told in self.receiver.told]


@contextmanager
def chat(*replies: Reply) -> Iterator[Chat]:
    with receiver() as state:
        state.answers(*replies)
        yield Chat(state)
