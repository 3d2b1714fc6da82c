"""Batches: what a body stands for, the state of the whole, and those who watch."""

import asyncio
from collections.abc import AsyncIterator, Collection
from typing import Any

import pytest

from common.api.batches.body import BatchRequest, batch_reader_of, check_count
from common.api.batches.feed import BatchFeeds
from common.api.batches.views import BatchState, BatchView, batch_view, state_of
from common.api.live.wholes import News
from common.base.errors import InvalidRequest, StoreUnavailable
from common.contract.messages import Progress
from common.jobs.batches import Batch, Glance, Member
from common.jobs.states import JobState
from common.kinds.video import VIDEO_KIND


def wishes(**body: Any) -> list[tuple[Any, str]]:
    found = BatchRequest.model_validate(body).wishes()
    return [(wish.fields, wish.param("seed")) for wish in found]


def test_requests_are_taken_as_they_are():
    assert wishes(requests=[{"prompt": "a"}, 5]) == [
        ({"prompt": "a"}, "requests.0.seed"),
        (5, "requests.1.seed"),
    ]


def test_each_prompt_is_made_with_each_seed():
    found = wishes(request={"fps": 8}, prompts=["a", "b"], seeds=[1, 2])
    assert found == [
        ({"fps": 8, "prompt": prompt, "seed": seed}, f"seeds.{seed - 1}")
        for prompt in ("a", "b")
        for seed in (1, 2)
    ]


def test_seeds_alone_vary_one_request():
    assert [fields["seed"] for fields, _ in wishes(request={"prompt": "a"}, seeds=[3, 4])] == [3, 4]
    assert wishes(prompts=["a"]) == [({"prompt": "a"}, "request.seed")]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"request": {"prompt": "a"}},
        {"requests": [{"prompt": "a"}], "seeds": [1]},
        {"requests": [{"prompt": "a"}], "request": {"prompt": "a"}},
        {"requests": [], "name": "a\x00b"},
    ],
)
def test_a_batch_is_asked_for_in_one_way(body: dict[str, Any]):
    with pytest.raises(ValueError):
        BatchRequest.model_validate(body)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"requests": []}, "requests"),
        ({"prompts": [], "seeds": [1]}, "prompts"),
        ({"prompts": ["a"], "seeds": []}, "seeds"),
        ({"requests": [{}] * 11}, "requests"),
        ({"prompts": ["a"] * 4, "seeds": [1, 2, 3]}, "prompts"),
        ({"seeds": list(range(11))}, "seeds"),
    ],
)
def test_too_many_or_none_names_the_list_and_the_way_out(body: dict[str, Any], param: str):
    with pytest.raises(InvalidRequest) as refusal:
        check_count(BatchRequest.model_validate(body), 10, "video")
    assert refusal.value.body.param == param
    assert refusal.value.body.hint


def test_a_huge_product_is_counted_and_not_made():
    body = BatchRequest(prompts=["a"] * 10**5, seeds=[1] * 10**5)
    with pytest.raises(InvalidRequest, match="10000000000"):
        check_count(body, 100, "video")


def test_broken_json_is_a_client_error():
    with pytest.raises(InvalidRequest):
        batch_reader_of(VIDEO_KIND).from_json(b'{"requests": [')


@pytest.mark.parametrize(
    ("counts", "state"),
    [
        ({"queued": 3, "refused": 1}, BatchState.QUEUED),
        ({"queued": 3, "completed": 1}, BatchState.RUNNING),
        ({"cancelling": 1, "cancelled": 3}, BatchState.RUNNING),
        ({"completed": 3}, BatchState.COMPLETED),
        ({"completed": 3, "removed": 1}, BatchState.COMPLETED),
        ({"completed": 97, "refused": 3}, BatchState.PARTIAL),
        ({"completed": 1, "cancelled": 3}, BatchState.PARTIAL),
        ({"failed": 1, "refused": 3}, BatchState.FAILED),
        ({"failed": 1, "cancelled": 3}, BatchState.CANCELLED),
        ({"failed": 1, "waiting": 3}, BatchState.RUNNING),
    ],
)
def test_the_state_of_a_batch_is_that_of_its_members(counts: dict[str, int], state: BatchState):
    assert state_of(counts) is state


def view(*states: JobState, percent: float = 0) -> BatchView:
    members = tuple(Member(prompt="a", job=str(index)) for index in range(len(states)))
    batch = Batch(id="1", model="toy", members=members, number=1, created_at=0)
    glances = [
        Glance(id=str(i), batch="1", state=state, progress=Progress(percent=percent), error=None)
        for i, state in enumerate(states)
    ]
    return batch_view(batch, glances, {})


def test_percent_is_over_all_jobs():
    done, running, queued = JobState.COMPLETED, JobState.RUNNING, JobState.QUEUED
    assert view(done, queued).percent == 50
    assert view(done, running, percent=50).percent == 75
    assert view(done, JobState.FAILED).percent == 100


def test_a_member_whose_job_was_deleted_says_so():
    batch = Batch(
        id="1", model="toy", members=(Member(prompt="a", job="x"),), number=1, created_at=0
    )
    (member,) = batch_view(batch, [], {}).members
    assert (member.state, member.job_id, member.links) == ("removed", "x", None)


class Story:
    """A batch whose reader tells one chapter at each look, and the last one for ever."""

    def __init__(self, *chapters: BatchView | Exception | None) -> None:
        self.chapters = list(chapters)
        self.looks = 0

    async def read(self, batch_ids: Collection[str]) -> dict[str, BatchView]:
        self.looks += 1
        chapter = self.chapters.pop(0) if len(self.chapters) > 1 else self.chapters[0]
        if isinstance(chapter, Exception):
            raise chapter
        return {} if chapter is None else dict.fromkeys(batch_ids, chapter)

    def feeds(self) -> BatchFeeds:
        return BatchFeeds(self.read, pause=short_pause)


async def short_pause(seconds: float) -> None:
    """A look comes soon; what is to be remembered for longer is remembered for ever."""
    await (asyncio.sleep(0) if seconds < 1 else asyncio.Event().wait())


async def collect(events: AsyncIterator[News[BatchView]]) -> list[News[BatchView]]:
    async with asyncio.timeout(5):
        return [news async for news in events]


def told(news: list[News[BatchView]]) -> list[tuple[str, str, float]]:
    return [(one.kind, one.view.state.value, one.view.percent) for one in news]


RUNNING, DONE = view(JobState.RUNNING), view(JobState.COMPLETED)
FURTHER = view(JobState.RUNNING, percent=50)


def test_every_change_of_a_batch_is_told_once():
    story = Story(view(JobState.QUEUED), RUNNING, RUNNING, FURTHER, DONE)
    assert told(asyncio.run(collect(story.feeds().follow("1")))) == [
        ("state", "queued", 0),
        ("state", "running", 0),
        ("progress", "running", 50),
        ("state", "completed", 100),
    ]


def test_many_watchers_of_a_batch_cost_one_look():
    story = Story(RUNNING, DONE)

    async def crowd() -> None:
        feeds = story.feeds()
        every = await asyncio.gather(*[collect(feeds.follow("1")) for _ in range(20)])
        assert [told(one)[-1] for one in every] == [("state", "completed", 100)] * 20

    asyncio.run(crowd())
    assert story.looks == 2


def test_a_batch_that_nobody_watches_is_not_looked_at():
    story = Story(RUNNING)

    async def leave() -> int:
        events = story.feeds().follow("1")
        await anext(events)
        await events.aclose()  # type: ignore[attr-defined]
        for _ in range(10):
            await asyncio.sleep(0)
        looks = story.looks
        for _ in range(10):
            await asyncio.sleep(0)
        return story.looks - looks

    assert asyncio.run(leave()) == 0


def test_a_batch_that_is_retried_is_watched_anew():
    story = Story(view(JobState.FAILED), RUNNING, DONE)

    async def twice() -> list[News[BatchView]]:
        feeds = story.feeds()
        first = await collect(feeds.follow("1"))
        await asyncio.sleep(0)
        return first + await collect(feeds.follow("1", after=first[-1].id))

    assert [one.view.state.value for one in asyncio.run(twice())] == [
        "failed",
        "running",
        "completed",
    ]


def test_who_comes_later_gets_the_last_event_alone():
    story = Story(RUNNING, FURTHER)

    async def late() -> list[News[BatchView]]:
        feeds = story.feeds()
        early = feeds.follow("1")
        events = [await anext(early), await anext(early)]
        late = feeds.follow("1")
        assert (await anext(late)).id == events[-1].id
        return events

    assert told(asyncio.run(late()))[-1] == ("progress", "running", 50)


def test_what_the_client_has_seen_is_not_told_again():
    story = Story(RUNNING, RUNNING, DONE)

    async def again() -> list[News[BatchView]]:
        feeds = story.feeds()
        events = feeds.follow("1")
        first = await anext(events)
        return await collect(feeds.follow("1", after=first.id))

    assert told(asyncio.run(again())) == [("state", "completed", 100)]


def test_a_deleted_batch_ends_the_stream():
    story = Story(RUNNING, None)
    assert len(asyncio.run(collect(story.feeds().follow("1")))) == 1


def test_a_busy_database_does_not_end_the_stream():
    busy = StoreUnavailable("The job database does not answer.")
    assert told(asyncio.run(collect(Story(RUNNING, busy, DONE).feeds().follow("1"))))[-1] == (
        "state",
        "completed",
        100,
    )


def test_closing_ends_every_stream():
    async def close() -> list[News[BatchView]]:
        feeds = Story(RUNNING).feeds()
        events = feeds.follow("1")
        first = await anext(events)
        feeds.close()
        return [first, *await collect(events)]

    assert len(asyncio.run(close())) == 1
