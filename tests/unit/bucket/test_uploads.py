"""Files of finished jobs in a real bucket: once, whole, and none lost, whatever happens."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from hashlib import sha256

import pytest

from common.jobs.stored import LEASE_SECONDS
from common.publishing.bucket.bucket import BROUGHT_BACK_SECONDS
from common.publishing.bucket.tasks import Done, Failed, Look
from common.publishing.bucket.uploader import LONGEST_WAIT_SECONDS
from tests.buckets import BUCKET, S3, Asked, Front
from tests.live import wait_until
from tests.unit.bucket.conftest import Yard

MIB = 1024**2
REFUSED = "The bucket refuses these keys, or does not let them do this."
FILES = ["manifest.json", "thumbnail.jpg", "video.mp4"]
Player = Callable[..., None]


async def until(happened: Callable[[], bool]) -> None:
    await asyncio.to_thread(wait_until, happened)


def reached(trying: "asyncio.Task[None]", front: Front, moment: int) -> bool:
    return trying.done() or len(front.asked) >= moment


def names(s3: S3, yard: Yard, job_folder: str) -> list[str]:
    return sorted(key.removeprefix(job_folder) for key in s3.keys(job_folder))


async def settled(yard: Yard, most: int = 30) -> None:
    """Until nothing is owed any more."""
    for _ in range(most):
        if not yard.store.count_uploads():
            return
        await yard.after(LONGEST_WAIT_SECONDS * 2)
    raise AssertionError(f"still owed: {yard.uploader.trouble.words}")


def test_all_files_are_there_with_their_types_the_manifest_last(play: Player, front: Front, s3: S3):
    async def story(yard: Yard) -> None:
        job = yard.job()
        await yard.after()
        folder = yard.key(job, "")
        assert yard.store.get(job.id).in_bucket
        assert names(s3, yard, folder) == FILES
        assert s3.bytes(yard.key(job)) == yard.video(job).read_bytes()
        types = {
            name: s3.client.head_object(Bucket=BUCKET, Key=folder + name)["ContentType"]
            for name in FILES
        }
        assert list(types.values()) == ["application/json", "image/jpeg", "video/mp4"]
        puts = [asked.path for asked in front.asked if asked.method == "PUT"]
        assert puts[-1].endswith("manifest.json")
        assert yard.video(job).is_file()

    play(story, front)


def test_what_is_there_already_is_not_sent_again_and_another_object_stays(
    play: Player, front: Front, s3: S3
):
    async def story(yard: Yard) -> None:
        same, other = yard.job(), yard.job()
        for job, body in ((same, yard.video(same).read_bytes()), (other, b"somebody else's")):
            about = {"sha256": sha256(body).hexdigest()}
            s3.client.put_object(Bucket=BUCKET, Key=yard.key(job), Body=body, Metadata=about)
        await yard.after()
        sent = [asked.path for asked in front.asked if asked.method == "PUT"]
        assert not any("video.mp4" in path for path in sent)
        assert yard.store.get(same.id).in_bucket
        await yard.after()
        assert not yard.store.get(other.id).in_bucket
        assert "another object of the name" in (yard.uploader.trouble.words or "")
        assert s3.bytes(yard.key(other)) == b"somebody else's"
        s3.client.delete_object(Bucket=BUCKET, Key=yard.key(other))
        await yard.after(10)
        assert yard.store.get(other.id).in_bucket

    play(story, front)


@pytest.mark.parametrize(
    ("fails", "words"),
    [
        (500, "The bucket answers 500."),
        (403, REFUSED),
        ("dies", "The connection to the bucket's server broke."),
        ("hangs", "The bucket's server does not answer in time."),
    ],
)
def test_a_bucket_that_fails_is_tried_again_and_says_why(
    play: Player, front: Front, s3: S3, fails: int | str, words: str
):
    async def story(yard: Yard) -> None:
        front.rule = lambda asked: fails if asked.method == "PUT" else None
        job = yard.job()
        await yard.after()
        assert yard.uploader.trouble.words == words
        assert yard.uploader.trouble.down
        assert yard.store.count_uploads() == 1
        assert s3.keys(yard.key(job, "")) == []
        front.rule = lambda _asked: None
        await yard.after(10)
        assert not yard.uploader.trouble.down
        assert names(s3, yard, yard.key(job, "")) == FILES

    play(story, front, s3_timeout_seconds=0.3)


def test_no_server_and_no_bucket_are_told_apart(play: Player, s3: S3):
    async def story(yard: Yard) -> None:
        no_bucket = await yard.uploader.sender.do(Look(bucket="another"))
        assert isinstance(no_bucket, Failed)
        assert no_bucket.words in ("There is no such bucket.", REFUSED)
        assert isinstance(await yard.uploader.sender.do(Look(bucket=BUCKET)), Done)
        yard.uploader.sender.server = replace(yard.bucket.server, endpoint="http://127.0.0.1:9")
        await yard.uploader.sender.close()
        no_server = await yard.uploader.sender.do(Look(bucket=BUCKET))
        assert isinstance(no_server, Failed)
        assert no_server.words == "The bucket's server cannot be reached."

    play(story, s3)


def test_a_multipart_upload_goes_on_where_it_died(play: Player, front: Front, s3: S3):
    def dies(asked: Asked) -> str | None:
        return "dies" if asked.is_part and "partNumber=3" in asked.path else None

    async def story(yard: Yard) -> None:
        front.rule = dies
        job = yard.job(17 * MIB)
        await yard.after()
        assert s3.keys(yard.key(job)) == []
        assert len(s3.begun()) == 1
        front.rule = lambda _asked: None
        front.asked.clear()
        await yard.after(10)
        assert front.parts() == 2
        assert s3.bytes(yard.key(job)) == yard.video(job).read_bytes()
        assert s3.begun() == []

    play(story, front)


def test_an_answer_that_is_lost_is_no_second_object(play: Player, front: Front, s3: S3):
    deaf = set[str]()

    def once(asked: Asked) -> str | None:
        wanted = asked.is_completion or (asked.method == "PUT" and not asked.is_part)
        if not wanted or asked.path in deaf:
            return None
        deaf.add(asked.path)
        return "deaf"

    async def story(yard: Yard) -> None:
        front.rule = once
        job = yard.job(6 * MIB)
        await settled(yard)
        assert names(s3, yard, yard.key(job, "")) == FILES
        assert s3.bytes(yard.key(job)) == yard.video(job).read_bytes()
        assert s3.begun() == []

    play(story, front)


def test_a_kill_at_any_moment_leaves_one_object_and_it_is_right(play: Player, front: Front, s3: S3):
    draw = random.Random(7)

    async def story(yard: Yard) -> None:
        job, kills = yard.job(12 * MIB), 0
        while yard.store.count_uploads():
            moment = draw.randrange(1, 9) if kills < 5 else 10**6
            front.asked.clear()
            front.rule = lambda asked, at=moment: "hangs" if asked.number == at else None
            trying = asyncio.create_task(yard.after(LEASE_SECONDS + LONGEST_WAIT_SECONDS))
            await until(partial(reached, trying, front, moment))
            assert {key.rpartition("/")[2] for key in s3.keys(yard.key(job, ""))} <= set(FILES)
            if not trying.done() and yard.uploader.sender.child is not None:
                yard.uploader.sender.child.kill()
                kills += 1
            await trying
        assert kills >= 3
        assert names(s3, yard, yard.key(job, "")) == FILES
        assert s3.bytes(yard.key(job)) == yard.video(job).read_bytes()
        assert s3.begun() == []

    play(story, front)


def test_a_removed_job_takes_its_objects_and_what_was_begun_along(
    play: Player, front: Front, s3: S3
):
    async def story(yard: Yard) -> None:
        done, begun, neighbour = yard.job(), yard.job(6 * MIB), yard.job()
        await yard.after()
        front.rule = lambda asked: "dies" if asked.is_completion else None
        await yard.after()
        front.rule = lambda _asked: None
        assert len(s3.begun()) == 1
        for job in (done, begun):
            yard.store.delete(job.id)
            yard.storage.remove(job.id)
        await settled(yard)
        assert s3.begun() == []
        assert s3.keys(yard.key(done, "")) == s3.keys(yard.key(begun, "")) == []
        assert names(s3, yard, yard.key(neighbour, "")) == FILES

    play(story, front)


def test_a_job_that_is_removed_under_way_leaves_nothing(
    play: Player, front: Front, s3: S3, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("common.publishing.bucket.uploader.RENEW_SECONDS", 0.05)

    async def story(yard: Yard) -> None:
        front.rule = lambda asked: "hangs" if asked.is_completion else None
        job = yard.job(6 * MIB)
        trying = asyncio.create_task(yard.after())
        await until(lambda: any(asked.is_completion for asked in front.asked))
        yard.store.delete(job.id)
        await trying
        assert yard.uploader.sender.child is None
        front.rule = lambda _asked: None
        await yard.after(LEASE_SECONDS)
        assert yard.store.count_uploads() == 0
        assert (s3.keys(yard.key(job, "")), s3.begun()) == ([], [])

    play(story, front)


def test_local_files_go_when_the_object_is_there_and_come_back_when_needed(play: Player, s3: S3):
    async def story(yard: Yard) -> None:
        job = yard.job(6 * MIB)
        before = yard.video(job).read_bytes()
        await yard.after()
        away = yard.store.get(job.id)
        assert not yard.video(job).exists()
        assert (away.in_bucket, away.gone_at) == (True, None)
        await asyncio.gather(yard.bucket.bring_back(away), yard.bucket.bring_back(away))
        assert yard.video(job).read_bytes() == before
        await yard.after(BROUGHT_BACK_SECONDS - 1)
        assert yard.video(job).exists()
        await yard.after(1)
        assert not yard.video(job).exists()
        assert s3.bytes(yard.key(job)) == before

    play(story, s3, s3_keep_local=False)


def test_a_kept_file_leaves_the_disk_when_nobody_keeps_it_any_more(play: Player, s3: S3):
    async def story(yard: Yard) -> None:
        job = yard.job()
        whole = yard.video(job).read_bytes()
        yard.store.keep(job.id, kept=True)
        await yard.after()
        assert yard.video(job).exists()
        yard.store.keep(job.id, kept=False)
        await yard.after()
        assert not yard.video(job).exists()
        assert s3.bytes(yard.key(job)) == whole

    play(story, s3, s3_keep_local=False)


def test_what_an_earlier_attempt_has_published_goes_again_too(play: Player, s3: S3):
    """Its manifest bears that attempt's token, on disk as in the bucket."""

    async def story(yard: Yard) -> None:
        job = yard.job(adopted=True)
        for _ in range(2):
            await yard.after(BROUGHT_BACK_SECONDS)
            assert not yard.video(job).exists()
            assert yard.bucket.trouble.words is None
            await yard.bucket.bring_back(yard.store.get(job.id))
            assert yard.video(job).exists()

    play(story, s3, s3_keep_local=False)


def test_a_database_put_back_finds_its_files_in_the_bucket(play: Player, s3: S3):
    """Their upload is owed again, and they have left the disk meanwhile."""

    async def story(yard: Yard) -> None:
        there, nowhere = yard.job(), yard.job()
        await yard.after()
        assert not yard.video(there).exists()
        yard.store.brought_back(there.id, 0)
        yard.storage.remove(nowhere.id)
        await settled(yard)
        found = yard.store.get(there.id)
        assert (found.in_bucket, found.gone_at) == (True, None)
        assert yard.store.get(nowhere.id).stored is None

    play(story, s3, s3_keep_local=False)
