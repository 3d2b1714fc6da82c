"""An OpenAI-compatible API that is asked for a prompt: one POST, one bounded answer.

The operator names it, so no address is off limits: a language model mostly runs on this machine or
beside it, and clients can neither choose it nor read what it says but for the prompt.
"""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass

import httpcore
from pydantic import BaseModel, Field, HttpUrl, ValidationError

from common import __version__
from common.base.network.guarded import GuardedNetwork, resolve
from common.base.network.tls import client_context
from common.base.network.urls import host_of
from common.base.settings import Settings, SettingsError
from common.kinds.video.prompt_help.words import SYSTEM_PROMPT
from common.kinds.video.prompt_help.writer import NoHelp

MAX_ANSWER_BYTES = 256 * 1024
"""Far more than a prompt and the reasoning before it."""
LOOK_SECONDS = 0.1
"""Between two looks at whether anybody still waits for the answer."""
SEEDS = 2**31
"""Some servers take no more bits."""


class _Message(BaseModel):
    content: str


class _Choice(BaseModel):
    message: _Message


class _Answer(BaseModel):
    """A chat completion, as far as it is read."""

    choices: list[_Choice] = Field(min_length=1)


@dataclass(frozen=True)
class Endpoint:
    """Follows no redirect, knows no proxy, and shows nobody what it answers or its key."""

    url: HttpUrl
    model: str
    key: str | None
    seconds: float

    def answer(self, prompt: str, seed: int, look: Callable[[], None]) -> str:
        """What it makes of a prompt; ``look`` is called all the while, and may raise.

        Raises:
            NoHelp: nothing of use came, or nothing in time.
        """
        return asyncio.run(self._watched(prompt, seed, look))

    async def _watched(self, prompt: str, seed: int, look: Callable[[], None]) -> str:
        asking = asyncio.create_task(self._in_time(prompt, seed))
        while not asking.done():
            look()  # what it raises ends the asking, too
            await asyncio.wait({asking}, timeout=LOOK_SECONDS)
        return asking.result()

    async def _in_time(self, prompt: str, seed: int) -> str:
        try:
            async with asyncio.timeout(self.seconds):
                return _content(await self._posted(prompt, seed))
        except (TimeoutError, httpcore.TimeoutException) as exc:
            raise NoHelp(f"it did not answer within {self.seconds:g} s") from exc
        except httpcore.ConnectError as exc:
            raise NoHelp("it cannot be reached") from exc
        except (httpcore.NetworkError, httpcore.ProtocolError, OSError) as exc:
            raise NoHelp("the connection broke") from exc

    async def _posted(self, prompt: str, seed: int) -> bytes:
        body = json.dumps(self._question(prompt, seed)).encode()
        network = GuardedNetwork(resolve, lambda _address: True)
        # Half of it for the first address, so that a second one has a chance.
        patience = {"timeout": {"connect": self.seconds / 2}}
        async with (
            httpcore.AsyncConnectionPool(client_context(), network_backend=network) as pool,
            pool.stream(
                "POST",
                self._address(),
                headers=self._headers(body),
                content=body,
                extensions=patience,
            ) as response,
        ):
            if response.status != 200:
                raise NoHelp(f"it answered {response.status}")
            return await _bounded(response)

    def _question(self, prompt: str, seed: int) -> dict[str, object]:
        """Only what all such servers take; the job's seed, so that the same job asks the same."""
        told = (("system", SYSTEM_PROMPT), ("user", prompt))
        return {
            "model": self.model,
            "messages": [{"role": role, "content": content} for role, content in told],
            "seed": seed % SEEDS,
            "stream": False,
        }

    def _headers(self, body: bytes) -> dict[bytes | str, bytes | str]:
        headers: dict[bytes | str, bytes | str] = {
            "Host": f"{self.url.host}:{self.url.port}",
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": f"VideosDGX/{__version__}",
        }
        return headers if self.key is None else {**headers, "Authorization": f"Bearer {self.key}"}

    def _address(self) -> httpcore.URL:
        path = f"{(self.url.path or '').rstrip('/')}/chat/completions"
        target = f"{path}?{self.url.query}" if self.url.query else path
        return httpcore.URL(
            scheme=self.url.scheme, host=host_of(self.url), port=self.url.port, target=target
        )


async def _bounded(response: httpcore.Response) -> bytes:
    answer = b""
    async for chunk in response.aiter_stream():
        answer += chunk
        if len(answer) > MAX_ANSWER_BYTES:
            raise NoHelp(f"its answer is over {MAX_ANSWER_BYTES // 1024} KB")
    return answer


def _content(answer: bytes) -> str:
    try:
        return _Answer.model_validate_json(answer).choices[0].message.content
    except ValidationError as exc:
        raise NoHelp("its answer is none of a chat") from exc


def open_endpoint(settings: Settings) -> Endpoint | None:
    """The endpoint that the settings name; None where they name none.

    Raises:
        SettingsError: they name it by half, or its key cannot be read or sent.
    """
    url, model = settings.prompt_help_url, settings.prompt_help_model
    if url is None:
        return None
    if not model:
        raise SettingsError(
            "PROMPT_HELP_URL is set, and PROMPT_HELP_MODEL is not.",
            param="PROMPT_HELP_MODEL",
            hint="Name the language model to ask there, as in PROMPT_HELP_MODEL=qwen3:8b.",
        )
    return Endpoint(url, model, _key(settings), settings.prompt_help_seconds)


def _key(settings: Settings) -> str | None:
    if settings.prompt_help_api_key is not None:
        key = settings.prompt_help_api_key.get_secret_value().strip()
    elif settings.prompt_help_api_key_file is not None:
        key = _read(settings)
    else:
        return None
    if key.isascii() and key.isprintable() and key:
        return key
    raise SettingsError(
        "PROMPT_HELP_API_KEY: it is no key.",
        param="PROMPT_HELP_API_KEY",
        hint="One line of ASCII; leave it out where the endpoint asks for none.",
    )


def _read(settings: Settings) -> str:
    assert settings.prompt_help_api_key_file is not None  # noqa: S101  # looked at by the caller
    try:
        return settings.prompt_help_api_key_file.read_text().strip()
    except (OSError, UnicodeDecodeError) as exc:
        raise SettingsError(
            "PROMPT_HELP_API_KEY_FILE: the file cannot be read.",
            param="PROMPT_HELP_API_KEY_FILE",
            hint="It must be a text file that this process may read.",
        ) from exc
