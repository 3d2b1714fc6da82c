"""Files that a request has named: the object has that name, once, and is one job's."""

import asyncio
from collections.abc import Callable

from sqlalchemy import update

from common.jobs.model import Job
from common.jobs.schema import jobs
from tests.buckets import S3, Front
from tests.unit.bucket.conftest import Yard
from tests.unit.bucket.test_uploads import settled

MIB = 1024**2
Player = Callable[..., None]


def test_the_main_file_has_the_name_that_was_asked_for_and_the_others_their_folder(
    play: Player, s3: S3
):
    async def story(yard: Yard) -> None:
        plain, owned = yard.job(name="films/a.mp4"), yard.job(name="films/a.mp4", owner="ana")
        odd = yard.job(name="a.mp4", owner="../ana")
        prefix = yard.bucket.settings.s3_prefix
        assert yard.key(plain) == f"{prefix}films/a.mp4"
        assert yard.key(owned) == f"{prefix}ana/films/a.mp4"
        assert yard.key(odd).removeprefix(prefix)[0] == "~"
        for job in (plain, owned, odd):
            whole = yard.video(job).read_bytes()
            await yard.after()
            assert s3.bytes(yard.key(job)) == whole
            beside = [key.rpartition("/")[2] for key in s3.keys(yard.key(job, ""))]
            assert beside == ["manifest.json", "thumbnail.jpg"]
            away = yard.store.get(job.id)
            assert not yard.video(job).exists()
            async with yard.bucket.read(away, "video.mp4") as opened:
                assert b"".join([chunk async for chunk in opened.chunks]) == whole
            await yard.bucket.bring_back(away)
            assert yard.video(job).read_bytes() == whole

    play(story, s3, s3_keep_local=False)


def test_a_name_is_given_once_and_only_its_job_takes_it_along(play: Player, s3: S3):
    async def story(yard: Yard) -> None:
        first, second, third = (yard.job(name="films/a.mp4") for _ in range(3))
        whole, named = yard.video(first).read_bytes(), yard.key(first)
        yard.video(second).write_bytes(whole)  # not even the same film is shared
        yard.store.delete(third.id)
        await settled(yard)
        assert s3.bytes(named) == whole
        late = yard.store.get(second.id)
        assert late.stored is not None
        assert (late.in_bucket, late.stored.refused, late.stored.named) == (True, named, None)
        assert s3.bytes(yard.key(late)) == whole
        assert yard.key(late).startswith(late.stored.folder)

        put_back(yard, second)
        await settled(yard)
        assert yard.store.get(second.id).stored == late.stored
        yard.store.delete(second.id)
        await settled(yard)
        assert s3.keys(late.stored.folder) == []
        assert s3.bytes(named) == whole
        yard.store.delete(first.id)
        await settled(yard)
        assert s3.keys(named) == []

    play(story, s3, s3_keep_local=False)


def put_back(yard: Yard, job: Job) -> None:
    """The row is that of before the upload; the files have left the disk."""
    assert job.stored is not None
    row = update(jobs).where(jobs.c.id == job.id).values(stored=job.stored.model_dump_json())
    with yard.store._writing() as connection:
        connection.execute(row)
    yard.store.brought_back(job.id, 0)
    assert not yard.video(job).exists()


def test_what_another_job_began_under_the_name_is_not_gone_on_with(
    play: Player, front: Front, s3: S3
):
    async def story(yard: Yard) -> None:
        front.rule = lambda asked: "dies" if "partNumber=2" in asked.path else None
        first, second = (yard.job(11 * MIB, name="films/a.mp4") for _ in range(2))
        await yard.after()
        assert len(s3.begun()) == 1
        front.rule = lambda _asked: None
        await yard.after()
        whole = await asyncio.to_thread(yard.video(second).read_bytes)
        assert s3.bytes(yard.key(first)) == whole
        assert yard.store.get(second.id).stored.refused is None  # type: ignore[union-attr]
        await settled(yard)
        late = yard.store.get(first.id)
        assert (late.in_bucket, late.stored and late.stored.refused) == (True, yard.key(second))
        assert s3.bytes(yard.key(second)) == whole
        assert s3.begun() == []

    play(story, front)
