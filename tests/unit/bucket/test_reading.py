"""Objects are read over HTTP: by clients with a presigned address, and by the service itself."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from common.base.errors import InvalidRequest
from common.publishing.bucket.borrowing import FOLDER
from common.publishing.bucket.inputs import S3Address, TooLarge, fetch_s3_input, write_object
from common.publishing.bucket.names import object_name
from common.publishing.bucket.reading import BucketUnavailable, Opened
from common.publishing.bucket.signing import presigned
from tests.buckets import BUCKET, S3, Front, fetched
from tests.unit.bucket.conftest import Yard

Player = Callable[..., None]


def test_a_presigned_address_is_good_for_one_object_and_ranges(play: Player, s3: S3):
    async def story(yard: Yard) -> None:
        job = yard.job()
        await yard.after()
        whole = yard.video(job).read_bytes()
        said = {"response-content-disposition": 'attachment; filename="a b.mp4"'}
        address = await asyncio.to_thread(yard.bucket.address, job, "video.mp4", said)
        answer = fetched(address)
        assert (answer.status_code, answer.content) == (200, whole)
        assert answer.headers["content-disposition"] == 'attachment; filename="a b.mp4"'
        part = fetched(address, Range="bytes=10-19")
        assert (part.status_code, part.content) == (206, whole[10:20])
        assert fetched(address.replace("video.mp4", "manifest.json")).status_code == 403

    play(story, s3)


def test_odd_names_are_signed_too(play: Player, s3: S3):
    async def story(yard: Yard) -> None:
        key = object_name("odd/", "série 2+3", "a b=c&d~é's (1).mp4")
        s3.client.put_object(Bucket=BUCKET, Key=key, Body=b"x")
        address = presigned(yard.bucket.server, BUCKET, key, seconds=60)
        assert fetched(address).content == b"x"

    play(story, s3)


def test_an_input_is_fetched_whole_and_within_its_bounds(
    play: Player, front: Front, s3: S3, tmp_path: Path
):
    s3.client.put_object(Bucket=BUCKET, Key="raw/a.mp4", Body=b"x" * 1000)
    target = tmp_path / "a.mp4"

    async def fetch(yard: Yard, key: str, most: int) -> int:
        address = S3Address(BUCKET, key)
        return await fetch_s3_input(yard.bucket.server, address, target, most)

    async def story(yard: Yard) -> None:
        assert await fetch(yard, "raw/a.mp4", 1000) == 1000
        assert target.read_bytes() == b"x" * 1000
        target.unlink()
        for key, most, words in (("raw/a.mp4", 999, "larger than"), ("raw/b", 9, "no such object")):
            with pytest.raises(InvalidRequest, match=words):
                await fetch(yard, key, most)
        for fails in (500, "dies", "hangs"):
            front.rule = lambda _asked, told=fails: told
            with pytest.raises(BucketUnavailable):
                await fetch(yard, "raw/a.mp4", 1000)
        assert not target.exists()

    play(story, front, s3_timeout_seconds=0.3)


def test_an_object_that_goes_on_and_on_is_bounded_too(tmp_path: Path):
    async def long() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"x" * 100

    with pytest.raises(TooLarge):
        asyncio.run(write_object(Opened(200, {}, long()), tmp_path / "a.mp4", 1000))
    assert not (tmp_path / "a.mp4").exists()


def test_a_job_of_another_service_is_borrowed_where_it_is_ones_own(play: Player, s3: S3):
    async def story(yard: Yard) -> None:
        job = yard.job()
        whole = yard.video(job).read_bytes()
        await yard.after()
        seen: list[Any] = []

        async def find(job_id: str, *, ours: bool) -> bytes | None:
            def file_of(manifest: Any) -> str | None:
                seen.append(manifest)
                return "video.mp4" if ours else None

            found = await yard.bucket.elsewhere(job_id, file_of)
            return found and await asyncio.to_thread(found[0].read_bytes)

        assert await find(job.id, ours=False) is None
        assert await find("0" * 32, ours=True) is None
        lent = yard.storage.partial.with_name(FOLDER)
        assert not lent.exists()
        assert await find(job.id, ours=True) == whole
        assert {manifest["job_id"] for manifest in seen} == {job.id}
        [folder] = lent.iterdir()
        os.utime(folder, (0, 0))
        assert await find(job.id, ours=True) == whole
        assert folder not in set(lent.iterdir()), "what an earlier process left goes"

    play(story, s3, s3_keep_local=False)


def test_a_file_that_has_two_routes_is_brought_back_once(play: Player, s3: S3):
    """As the captions of a transcript: what the job was for, and one of its forms."""

    async def story(yard: Yard) -> None:
        job, files = yard.job(), yard.bucket.files
        whole = yard.video(job).read_bytes()
        yard.bucket.files = [*files, replace(files[0], route="again")]
        await yard.after()
        assert not yard.video(job).exists()
        await yard.bucket.bring_back(job)
        assert yard.video(job).read_bytes() == whole

    play(story, s3, s3_keep_local=False)


def test_what_a_request_holds_stays_when_the_bucket_takes_the_rest(play: Player, s3: S3):
    async def story(yard: Yard) -> None:
        job = yard.job()
        video = yard.video(job)
        whole = video.read_bytes()
        held = await yard.bucket.hold(video)
        await yard.after()
        assert not video.exists()
        assert held is not None
        assert held.read_bytes() == whole
        assert held.with_name("thumbnail.jpg").is_file()
        assert await yard.bucket.hold(video) is None

    play(story, s3, s3_keep_local=False)
