"""Watchers of a job: everybody sees the same events, and who comes back misses nothing."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Collection

import pytest

from common.api.live.feed import Feeds, Happening, Sight
from common.base.errors import StoreUnavailable
from common.jobs.model import Job, Progress
from common.jobs.states import JobState
from common.kinds.video import VIDEO_KIND
from common.kinds.video.resolved import ResolvedRequest

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


def job(state: JobState, step: int = 0) -> Sight:
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
    return Sight(VIDEO_KIND, row)


GONE = None
"""The job was deleted."""


class Story:
    """Jobs whose reader tells one chapter at each look. Time passes when nobody else can run."""

    def __init__(self, *chapters: Sight | Exception | None) -> None:
        self.chapters = list(chapters)
        self.looks: list[set[str]] = []

    async def read(self, job_ids: Collection[str]) -> dict[str, Sight]:
        self.looks.append(set(job_ids))
        chapter = self.chapters.pop(0) if len(self.chapters) > 1 else self.chapters[0]
        if isinstance(chapter, Exception):
            raise chapter
        return {} if chapter is None else dict.fromkeys(job_ids, chapter)

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


def test_what_happens_while_a_client_takes_an_event_is_told_too():
    story = Story(job(JobState.QUEUED), job(JobState.RUNNING), job(JobState.COMPLETED))

    async def slow() -> list[Happening]:
        events = story.feeds().follow("1")
        first = await anext(events)
        for _ in range(20):
            await asyncio.sleep(0)
        assert len(story.looks) == 3
        return [first, *await collect(events)]

    assert [state for _, state, _ in told(run(slow()))] == ["queued", "running", "completed"]


def test_many_watchers_cost_one_look():
    story = Story(job(JobState.RUNNING), job(JobState.COMPLETED))

    async def crowd() -> list[Happening]:
        feeds = story.feeds()
        every = await asyncio.gather(*[collect(feeds.follow("1")) for _ in range(20)])
        assert all(told(one) == told(every[0]) for one in every)
        return every[0]

    assert len(run(crowd())) == 2
    assert len(story.looks) == 2


def test_many_jobs_cost_one_look():
    story = Story(job(JobState.QUEUED), job(JobState.RUNNING), job(JobState.COMPLETED))
    names = {str(number) for number in range(50)}

    async def crowd() -> list[Happening]:
        feeds = story.feeds()
        every = await asyncio.gather(*[collect(feeds.follow(name)) for name in names])
        assert all(told(one) == told(every[0]) for one in every)
        return every[0]

    assert [state for _, state, _ in told(run(crowd()))] == ["queued", "running", "completed"]
    assert story.looks == [names] * 3


def test_who_comes_is_told_before_the_next_round():
    story = Story(job(JobState.RUNNING))

    async def come() -> list[Happening]:
        feeds = Feeds(story.read, pause=lambda _seconds: asyncio.Event().wait())
        return [await anext(feeds.follow(name)) for name in "ab"]

    assert [event.job.state for event in run(come())] == [JobState.RUNNING] * 2
    assert story.looks == [{"a"}, {"b"}]


def test_an_ended_job_is_not_looked_at_again():
    story = Story(job(JobState.COMPLETED))

    async def end() -> list[Happening]:
        feeds = story.feeds()
        found = await collect(feeds.follow("1"))
        for _ in range(10):
            await asyncio.sleep(0)
        return found

    run(end())
    assert len(story.looks) == 1


def test_a_look_that_goes_wrong_is_made_again():
    story = Story(job(JobState.RUNNING), RuntimeError("not foreseen"), job(JobState.COMPLETED))
    assert told(run(collect(story.feeds().follow("1"))))[-1] == ("state", "completed", 0)


def test_who_comes_back_gets_what_it_missed():
    story = Story(job(JobState.RUNNING, 0), job(JobState.RUNNING, 1), job(JobState.COMPLETED))

    async def twice() -> list[Happening]:
        feeds = story.feeds()
        first = await anext(feeds.follow("1"))
        return [first, *await collect(feeds.follow("1", after=first.id))]

    found = run(twice())
    assert [h.number for h in found] == [1, 2, 3]
    assert told(found)[1:] == [("progress", "running", 1), ("state", "completed", 0)]


def test_who_comes_back_after_the_end_gets_what_it_missed():
    story = Story(job(JobState.QUEUED), job(JobState.RUNNING), job(JobState.COMPLETED))

    async def pause(seconds: float) -> None:
        await (asyncio.sleep(0) if seconds < 1 else asyncio.Event().wait())

    async def lost() -> list[Happening]:
        feeds = Feeds(story.read, pause)
        first = (await collect(feeds.follow("1")))[0]
        return await collect(feeds.follow("1", after=first.id))

    assert [state for _, state, _ in told(run(lost()))] == ["running", "completed"]


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
    story = Story(job(JobState.RUNNING), GONE)
    assert len(run(collect(story.feeds().follow("1")))) == 1


def test_a_busy_database_is_waited_for():
    busy = StoreUnavailable("The job database does not answer.")
    story = Story(job(JobState.RUNNING), busy, job(JobState.COMPLETED))
    assert told(run(collect(story.feeds().follow("1"))))[-1] == ("state", "completed", 0)
