"""Watchers of a job: everybody sees the same events, and who comes back misses nothing."""

import asyncio
from collections.abc import AsyncIterator, Awaitable

import pytest

from common.api.feed import Feeds, Happening
from common.api.views import JobView, job_view
from common.errors import JobNotFound, StoreUnavailable
from common.jobs.model import Job, Progress
from common.jobs.states import JobState
from common.requests import ResolvedRequest

RESOLVED = ResolvedRequest(
    prompt="a bar",
    negative_prompt="",
    width=64,
    height=48,
    num_frames=9,
    fps=8,
    seed=1,
    num_inference_steps=3,
    guidance_scale=1,
)


def job(state: JobState, step: int = 0) -> JobView:
    row = Job(
        id="1",
        model="toy",
        requested={},
        resolved=RESOLVED,
        number=1,
        state=state,
        created_at=0,
        progress=Progress(step=step),
    )
    return job_view(row)


class Story:
    """A job whose reader tells one chapter at each look. Time passes when nobody else can run."""

    def __init__(self, *chapters: JobView | Exception) -> None:
        self.chapters = list(chapters)
        self.looks = 0

    async def read(self, _job_id: str) -> JobView:
        self.looks += 1
        chapter = self.chapters.pop(0) if len(self.chapters) > 1 else self.chapters[0]
        if isinstance(chapter, Exception):
            raise chapter
        return chapter

    def feeds(self) -> Feeds:
        return Feeds(self.read, pause=lambda _seconds: asyncio.sleep(0))


def told(happenings: list[Happening]) -> list[tuple[str, str, int]]:
    return [(h.kind, h.job.state.value, h.job.progress.step) for h in happenings]


async def collect(events: AsyncIterator[Happening]) -> list[Happening]:
    return [event async for event in events]


def run(work: Awaitable[list[Happening]]) -> list[Happening]:
    async def bounded() -> list[Happening]:
        return await asyncio.wait_for(work, timeout=5)

    return asyncio.run(bounded())


def test_every_change_is_told_once():
    running = [job(JobState.RUNNING, step) for step in (0, 1, 1, 2)]
    story = Story(job(JobState.QUEUED), *running, job(JobState.COMPLETED))
    assert told(run(collect(story.feeds().follow("1")))) == [
        ("state", "queued", 0),
        ("state", "running", 0),
        ("progress", "running", 1),
        ("progress", "running", 2),
        ("state", "completed", 0),
    ]


def test_many_watchers_cost_one_look():
    story = Story(job(JobState.RUNNING), job(JobState.COMPLETED))

    async def crowd() -> list[Happening]:
        feeds = story.feeds()
        every = await asyncio.gather(*[collect(feeds.follow("1")) for _ in range(20)])
        assert all(told(one) == told(every[0]) for one in every)
        return every[0]

    assert len(run(crowd())) == 2
    assert story.looks == 2


def test_who_comes_back_gets_what_it_missed():
    story = Story(job(JobState.RUNNING, 0), job(JobState.RUNNING, 1), job(JobState.COMPLETED))

    async def twice() -> list[Happening]:
        feeds = story.feeds()
        first = await anext(feeds.follow("1"))
        return [first, *await collect(feeds.follow("1", after=first.id))]

    found = run(twice())
    assert [h.number for h in found] == [1, 2, 3]
    assert told(found)[1:] == [("progress", "running", 1), ("state", "completed", 0)]


@pytest.mark.parametrize(
    "number", ["1795892383512", "9" * 6000, "4f1c2a3b-7", "-3", "\u0663", "", "nothing"]
)
def test_an_id_that_is_not_of_this_feed_gets_all_that_there_is(number: str):
    story = Story(job(JobState.RUNNING), job(JobState.COMPLETED))
    assert len(run(collect(story.feeds().follow("1", after=number)))) == 2


def test_a_number_that_was_never_given_hides_nothing():
    story = Story(job(JobState.RUNNING, 0), job(JobState.RUNNING, 1), job(JobState.COMPLETED))

    async def forged() -> list[Happening]:
        feeds = story.feeds()
        first = await anext(feeds.follow("1"))
        name, _, _ = first.id.rpartition("-")
        return await collect(feeds.follow("1", after=f"{name}-{10**17}"))

    assert len(run(forged())) == 3


def test_a_number_of_another_replica_hides_nothing():
    story = Story(job(JobState.RUNNING, 0), job(JobState.RUNNING, 1), job(JobState.COMPLETED))

    async def moved() -> list[Happening]:
        feeds = story.feeds()
        await anext(feeds.follow("1"))
        return await collect(feeds.follow("1", after="0badcafe-1"))

    assert len(run(moved())) == 3


def test_a_feed_that_is_opened_anew_knows_nothing_of_the_one_before():
    """As after a restart, or at another replica: whatever the clocks of both may say."""
    story = Story(*[job(JobState.RUNNING, step) for step in range(20)])

    async def restarted() -> list[Happening]:
        first = story.feeds().follow("1")
        seen = [await anext(first) for _ in range(19)][-1]
        story.chapters = [job(JobState.COMPLETED)]
        return await collect(story.feeds().follow("1", after=seen.id))

    assert told(run(restarted())) == [("state", "completed", 0)]


def test_an_ended_job_is_told_at_once():
    assert told(run(collect(Story(job(JobState.FAILED)).feeds().follow("1")))) == [
        ("state", "failed", 0)
    ]


def test_a_deleted_job_ends_the_stream():
    story = Story(job(JobState.RUNNING), JobNotFound("No such job."))
    assert len(run(collect(story.feeds().follow("1")))) == 1


def test_a_busy_database_is_waited_for():
    busy = StoreUnavailable("The job database does not answer.")
    story = Story(job(JobState.RUNNING), busy, job(JobState.COMPLETED))
    assert told(run(collect(story.feeds().follow("1"))))[-1] == ("state", "completed", 0)
