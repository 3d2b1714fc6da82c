"""Prompt help by an endpoint, through a real service and its worker."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.chats import Chat, chat, said
from tests.integration.answers import error_of
from tests.live import LiveService, wait_until
from tests.receivers import Reply
from tests.unit.media.ffprobe import probe

KEY = "sk-walrus"


@pytest.fixture(scope="module")
def there() -> Iterator[Chat]:
    with chat() as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def helped(there: Chat, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveService]:
    service = LiveService(
        tmp_path_factory.mktemp("helped"),
        prompt_help_url=there.url,
        prompt_help_model="m",
        prompt_help_api_key=KEY,
        prompt_help_seconds=600,
        max_attempts=2,
    ).start()
    yield service
    service.close()


def answers(there: Chat, *replies: Reply) -> None:
    there.receiver.told.clear()
    there.receiver.answers(*replies)


def questions(there: Chat) -> list[str]:
    return [asked["messages"][1]["content"] for asked in there.asked]


def told(job: dict[str, Any]) -> tuple[str, str | None]:
    return job["resolved"]["prompt"], job["resolved"]["enhanced_prompt"]


def test_it_is_stored_and_shown(helped: LiveService, there: Chat, tmp_path: Path) -> None:
    assert "prompt_enhancement" in helped.get("/info")["capabilities"]
    answers(there, said('<think>Hm.</think>"A tabby cat"'))
    job = helped.finish(prompt="a cat", enhance_prompt=True)
    assert told(job) == ("a cat", "A tabby cat")
    assert (job["requested"]["prompt"], job["adjustments"]) == ("a cat", [])
    file = tmp_path / "video.mp4"
    file.write_bytes(helped.client.get(job["links"]["download"]).content)
    tags = probe(file)["format"]["tags"]
    assert (tags["prompt"], tags["enhanced_prompt"]) == ("a cat", "A tabby cat")
    assert told(helped.finish(prompt="a cat")) == ("a cat", None)
    assert questions(there) == ["a cat"], "only who asks for it has his prompt sent away"


def test_without_an_answer_the_job_is_made_all_the_same(helped: LiveService, there: Chat) -> None:
    answers(there, Reply(500, body=b"secret inside"))
    job = helped.finish(prompt="a cat", enhance_prompt=True)
    assert told(job) == ("a cat", None)
    (note,) = job["adjustments"]
    assert note["field"] == "enhance_prompt"
    assert "it answered 500" in note["reason"]
    for words in (str(job), helped.log(1000)):
        assert "secret inside" not in words
        assert KEY not in words


def test_a_second_attempt_asks_nobody_again(helped: LiveService, there: Chat) -> None:
    answers(there, said("A tabby cat"), said("Another"))
    job_id = helped.submit(prompt="a cat", enhance_prompt=True, options={"die_at": "decoding"})
    job = helped.wait_for(job_id, "failed")
    assert (job["attempts"], told(job)) == (2, ("a cat", "A tabby cat"))
    assert questions(there) == ["a cat"]


def test_a_cancelled_job_waits_for_nobody_and_the_queue_goes_on(
    helped: LiveService, there: Chat
) -> None:
    answers(there, Reply(hangs=True))
    job_id = helped.submit(prompt="a cat", enhance_prompt=True)

    def asks() -> bool:
        return helped.job(job_id)["progress"]["waiting_for"] == "prompt help"

    wait_until(asks, what="it is asked")
    helped.cancel(job_id)
    helped.wait_for(job_id, "cancelled")
    assert helped.finish()["state"] == "completed"


def test_batches_and_clients_of_openai_ask_for_it_too(helped: LiveService, there: Chat) -> None:
    answers(there, said("One"), said("Two"), said("Three"), Reply(503), said("Five"))
    wish = {"request": {"enhance_prompt": True}, "prompts": ["a", "b"]}
    batch = helped.client.post("/generate/batch", json=wish).json()
    ids = [member["job_id"] for member in batch["members"]]
    made = [told(helped.wait_for(each, "completed")) for each in ids]
    assert made == [("a", "One"), ("b", "Two")]
    body = {"prompt": "c", "extra_body": {"enhance_prompt": True}}
    prompts = [_v1(helped, "/v1/videos", body)]
    for prompt in ("d", "e"):
        prompts.append(_v1(helped, f"/v1/videos/{prompts[-1]['id']}/remix", {"prompt": prompt}))
    shown = [(video["prompt"], video["enhanced_prompt"]) for video in prompts]
    assert shown == [("c", "Three"), ("d", None), ("e", "Five")], "asked for anew each time"


def _v1(service: LiveService, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = service.client.post(path, json=body)
    assert answer.status_code == 200, answer.text
    service.wait_for(answer.json()["id"], "completed")
    video: dict[str, Any] = service.get(f"/v1/videos/{answer.json()['id']}")
    return video


def test_where_nobody_can_it_is_refused(service: LiveService) -> None:
    assert "prompt_enhancement" not in service.get("/info")["capabilities"]
    answer = service.client.post("/generate", json={"prompt": "x", "enhance_prompt": True})
    assert answer.status_code == 422
    error = error_of(answer)
    assert error["param"] == "enhance_prompt"
    assert "PROMPT_HELP_URL" in error["hint"]
