"""Pipelines where callers have keys: the steps are their owner's, and no key is kept."""

from pathlib import Path

import httpx

from tests.integration.answers import error_of
from tests.integration.callers import callers, everyone
from tests.live import wait_until
from tests.receivers import SECRET, receiver
from tests.stacks import ENDED, Json, Stack, clip, longer, stack_of

STACK_SECRET = "a secret that all services of this stack know"  # noqa: S105
STEPS = (clip("first", "toy_a"), longer("second", "toy_b", "first"))


def end(client: httpx.Client, pipeline: Json) -> Json:
    def look() -> Json | None:
        found: Json = client.get(pipeline["links"]["self"]).json()
        return found if found["state"] in ENDED else None

    return wait_until(look, 90, "the pipeline ends")


def test_steps_belong_to_whoever_sent_them(tmp_path: Path):
    keys = everyone(tmp_path)
    webhooks = {"webhooks_allowed": 1, "webhook_secret": SECRET, "webhook_ports": "any"}
    webhooks |= {"webhook_allow_http": 1, "webhook_allow_private": 1}
    settings = {"api_keys_file": keys.path, "stack_secret": STACK_SECRET, **webhooks}
    with stack_of(tmp_path / "stack", "toy_a", "toy_b", **settings) as stack, receiver() as told:
        first, second = stack.start().services
        with callers(first, keys) as here, callers(second, keys) as there:
            sent = stack.post(*STEPS, client=here["ana"], webhook_url=told.url)
            keys.remove("ana")  # what was accepted is made
            assert here["ben"].get("/pipelines").json()["pipelines"] == []
            for path in ("", "/events"):
                assert here["ben"].get(sent["links"]["self"] + path).status_code == 404
            for path in ("cancel", "retry"):
                assert here["ben"].post(sent["links"][path]).status_code == 404
            assert here["nobody"].post("/pipelines", json={"steps": STEPS}).status_code == 401
            over = end(here["root"], sent)
            assert over["state"] == "completed", over["error"]
            keys.make("ana")
        with callers(first, keys) as here, callers(second, keys) as there:
            for clients, step in ((here, over["steps"][0]), (there, over["steps"][1])):
                path = f"/jobs/{step['job_id']}"
                assert wait_until(lambda c=clients, p=path: c["ana"].get(p).is_success)
                assert clients["ben"].get(path).status_code == 404
            wait_until(lambda: told.told, what="the webhook")
            assert told.told[0].json["type"] == "pipeline.completed"
            assert told.told[0].json["data"]["id"] == sent["id"]
            _other_secrets(stack, here["ana"])


def _other_secrets(stack: Stack, ana: httpx.Client) -> None:
    first, second = stack.services
    second.kill()
    second.settings["STACK_SECRET"] = STACK_SECRET[::-1]
    second.restart()
    over = end(ana, stack.post(*STEPS, client=ana))
    assert over["steps"][0]["state"] == "completed"
    assert over["error"]["code"] == "unauthenticated"
    assert "STACK_SECRET" in over["error"]["hint"]
    first.kill()
    del first.settings["STACK_SECRET"]
    first.restart()
    for answer in (ana.post("/pipelines", json={"steps": STEPS}), ana.post(over["links"]["retry"])):
        assert (answer.status_code, error_of(answer)["code"]) == (501, "no_stack_secret")
    assert ana.get(over["links"]["self"]).is_success
