"""Prompts by an endpoint: whatever it does, there is an answer in time, or a reason."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import SecretStr

from common.base.errors import JobCancelled, Unresolvable
from common.base.settings import Settings, SettingsError
from common.contract.fields import MAX_PROMPT_CHARS
from common.kinds.video import VIDEO_KIND
from common.kinds.video.prompt_help.endpoint import MAX_ANSWER_BYTES, Endpoint, open_endpoint
from common.kinds.video.prompt_help.outcome import helped
from common.kinds.video.prompt_help.preparer import PromptHelp
from common.kinds.video.prompt_help.words import cleaned
from common.kinds.video.prompt_help.writer import NoHelp
from common.kinds.video.requests import GenerateRequest
from common.kinds.video.resolved import ResolvedRequest
from common.kinds.video.variants import Capability
from ltx2.model_config import SPEC as LTX2
from tests.chats import Chat, chat, said
from tests.contract.test_store import RESOLVED
from tests.receivers import Reply
from tests.resolving import resolve
from tests.toy.model_config import SPEC as TOY
from wan21.model_config import SPEC as WAN21

ASKS = RESOLVED.model_copy(update={"enhance_prompt": True})
KEY = "sk-walrus"


def settings(**values: object) -> Settings:
    return Settings(_env_file=None, **values)  # type: ignore[arg-type]


def endpoint(chat: Chat, **values: object) -> Endpoint:
    named = {"prompt_help_url": chat.url, "prompt_help_model": "m", "prompt_help_seconds": 30}
    opened = open_endpoint(settings(**named | values))
    assert opened is not None
    return opened


def look() -> None:
    """Nobody has gone."""


def test_a_prompt_goes_out_and_comes_back() -> None:
    with chat(said("A tabby cat")) as there:
        told = endpoint(there, prompt_help_api_key=SecretStr(KEY)).answer("a cat", 2**40 + 5, look)
        (asked,), (request,) = there.asked, there.receiver.told
    assert told == "A tabby cat"
    assert request.path == "/v1/chat/completions"
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert (asked["model"], asked["seed"], asked["stream"]) == ("m", 5, False)
    assert [each["role"] for each in asked["messages"]] == ["system", "user"]
    assert asked["messages"][1]["content"] == "a cat"


def test_what_an_address_says_behind_its_path_stays_behind_it() -> None:
    with chat(said("A tabby cat")) as there:
        url = f"{there.url}/?api-version=2&x=%20"
        endpoint(there, prompt_help_url=url).answer("a cat", 1, look)
        (request,) = there.receiver.told
    assert request.path == "/v1/chat/completions?api-version=2&x=%20"


ELSEWHERE = Reply(302, {"Location": "http://127.0.0.1:1/v1/chat/completions"})


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (Reply(500, body=b"secret inside"), "it answered 500"),
        (ELSEWHERE, "it answered 302"),
        (Reply(body=b"x" * (MAX_ANSWER_BYTES + 1)), "its answer is over 256 KB"),
        (Reply(body=b"secret inside"), "its answer is none of a chat"),
        (Reply(body=b"[" * 100_000), "its answer is none of a chat"),
        (Reply(body=b'{"choices": []}'), "its answer is none of a chat"),
        (said(None), "its answer is none of a chat"),
        (Reply(headers={"Content-Length": "9"}, body=b"{"), "the connection broke"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_answer_is_a_reason(reply: Reply, reason: str) -> None:
    with chat(reply) as there, pytest.raises(NoHelp) as caught:
        endpoint(there).answer("a cat", 1, look)
    assert str(caught.value) == reason
    assert len(there.asked) == 1, "nobody is asked twice, nor elsewhere"


def test_nobody_there_is_a_reason() -> None:
    with chat() as there:
        pass
    with pytest.raises(NoHelp, match="cannot be reached"):
        endpoint(there).answer("a cat", 1, look)


def test_one_that_hangs_is_left_when_its_time_is_over() -> None:
    with chat(Reply(hangs=True)) as there, pytest.raises(NoHelp, match=r"within 0\.3 s"):
        endpoint(there, prompt_help_seconds=0.3).answer("a cat", 1, look)


def test_a_cancel_does_not_wait_for_it() -> None:
    with chat(Reply(hangs=True)) as there:

        def cancelled() -> None:
            if there.receiver.came.is_set():
                raise JobCancelled

        began = time.monotonic()
        with pytest.raises(JobCancelled):
            endpoint(there, prompt_help_seconds=600).answer("a cat", 1, cancelled)
        assert time.monotonic() - began < 60


@pytest.mark.parametrize(
    ("answer", "kept"),
    [
        ("A cat,\n\n on a  beach", "A cat, on a beach"),
        ("<think>A cat? Hm.</think>\nA tabby cat", "A tabby cat"),
        ("Hm, a cat.\n</think>A tabby cat", "A tabby cat"),
        ("<THINK>it never ends", ""),
        ("Here it is:\n```text\nA tabby cat\n```\nEnjoy!", "A tabby cat"),
        ('"A tabby cat"', "A tabby cat"),
        ("\u201cA tabby cat\u201d", "A tabby cat"),
        ("**A tabby cat**", "A tabby cat"),
        ('"Stop" and "Go" on two signs, "Go"', '"Stop" and "Go" on two signs, "Go"'),
        ('"', ""),
    ],
)
def test_what_is_kept_of_an_answer(answer: str, kept: str) -> None:
    assert cleaned(answer) == kept


def test_it_is_cut_to_the_length_of_a_prompt() -> None:
    assert helped("x" * 9000).changes == {"enhanced_prompt": "x" * MAX_PROMPT_CHARS}


class Writing:
    """Writes, or fails after so many seconds of its clock."""

    def __init__(self, seconds: float, fails: bool = False) -> None:
        self.now, self.asked = 0.0, 0
        self._seconds, self.fails = seconds, fails

    def clock(self) -> float:
        return self.now

    def answer(self, prompt: str, seed: int, look: Callable[[], None]) -> str:
        self.asked += 1
        self.now += self._seconds
        if self.fails:
            raise NoHelp("it answered 500")
        return f'"{prompt}, {seed}"'


def prepared(help_: PromptHelp, request: ResolvedRequest = ASKS) -> ResolvedRequest:
    outcome = help_.prepare(request, Path(), lambda _reason: None)
    return request if outcome is None else request.model_copy(update=dict(outcome.changes))


def test_what_was_asked_for_once_is_not_asked_for_again() -> None:
    writing = Writing(0)
    help_ = PromptHelp(writing, writing.clock)
    made = prepared(help_)
    assert (made.prompt, made.enhanced_prompt) == ("a cat", "a cat, 1")
    assert not made.awaits_help
    assert prepared(help_, made) == made
    assert prepared(help_, RESOLVED) == RESOLVED
    assert writing.asked == 1


@pytest.mark.parametrize(("seconds", "asked"), [(1, 3), (30, 1)])
def test_after_a_slow_failure_others_do_not_wait_for_it_too(seconds: float, asked: int) -> None:
    writing = Writing(seconds, fails=True)
    help_ = PromptHelp(writing, writing.clock)
    for _ in range(3):
        assert not prepared(help_).enhance_prompt
    assert writing.asked == asked
    writing.now, writing.fails = writing.now + 61, False
    assert prepared(help_).enhanced_prompt


def test_a_job_of_an_endpoint_that_was_taken_away_says_so() -> None:
    help_ = VIDEO_KIND.preparer(WAN21.variants[0], settings())
    assert help_ is not None
    outcome = help_.prepare(ASKS, Path(), lambda _reason: None)
    assert outcome is not None
    assert "has none any more" in outcome.adjustments[0].reason


def test_who_can_is_listed_and_who_cannot_refuses() -> None:
    named = settings(prompt_help_url="http://ollama:11434/v1", prompt_help_model="m")
    wish = GenerateRequest(prompt="a cat", enhance_prompt=True)
    plain = VIDEO_KIND.bounded(WAN21.variants[0], settings())
    with pytest.raises(Unresolvable) as caught:
        resolve(wish, WAN21, plain)
    assert caught.value.body.param == "enhance_prompt"
    assert "PROMPT_HELP_URL" in (caught.value.body.hint or "")
    by_endpoint = VIDEO_KIND.bounded(WAN21.variants[0], named)
    assert Capability.PROMPT_ENHANCEMENT in by_endpoint.capabilities - plain.capabilities
    assert resolve(wish, WAN21, by_endpoint).request.awaits_help
    for variant in LTX2.variants:
        assert resolve(wish, LTX2, variant).request.awaits_help
        assert VIDEO_KIND.preparer(variant, settings()) is None, "its text encoder does it"
        assert isinstance(VIDEO_KIND.preparer(variant, named), PromptHelp)


def test_memory_is_measured_apart() -> None:
    assert TOY.kind.shape(ASKS) != TOY.kind.shape(RESOLVED)
    assert TOY.kind.shape(prepared(PromptHelp(Writing(0)))) == TOY.kind.shape(RESOLVED)


def test_half_a_setting_stops_the_service(tmp_path: Path) -> None:
    url = {"prompt_help_url": "http://ollama:11434/v1"}
    assert open_endpoint(settings()) is None
    with pytest.raises(SettingsError, match="PROMPT_HELP_MODEL"):
        open_endpoint(settings(**url))
    with pytest.raises(SettingsError, match="cannot be read"):
        open_endpoint(
            settings(**url, prompt_help_model="m", prompt_help_api_key_file=tmp_path / "none")
        )
    (tmp_path / "key").write_text("a\nb")
    with pytest.raises(SettingsError, match="no key"):
        open_endpoint(
            settings(**url, prompt_help_model="m", prompt_help_api_key_file=tmp_path / "key")
        )
