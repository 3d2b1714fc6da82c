"""Signed MP4s, read back by C2PA's own reader and by a player."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from common import __version__
from common.base.errors import JobCancelled, StorageFull
from common.contract.variants import Checkpoint
from common.media.credentials import own
from common.media.credentials.certificate import Certificate, certificate_of
from common.media.credentials.manifest import Origin, manifest
from common.media.credentials.signing import Credentials, CredentialsFailed
from tests.c2pa_reader import action_in, read
from tests.films import film
from tests.unit.credentials.papers import AUTHORITY, issue
from tests.unit.media.ffprobe import boxes, decode_rgb, probe, stream

NOW = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
CHECKPOINT = Checkpoint("org/small", "c0ffee", Path(), stands_in_for="Big")
ORIGIN = Origin("toy", CHECKPOINT, prompt="a walrus on a beach", began_with=("image",))
WHOLE, IN_PIECES = 10**9, 0


def nothing() -> None:
    pass


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """The one that is made where there is none."""
    return certificate_of(*own.kept(tmp_path_factory.mktemp("state") / own.FOLDER))


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return film(tmp_path / "video.mp4", 8, 8, "64x64")


@pytest.mark.parametrize("whole_bytes", [WHOLE, IN_PIECES])
def test_what_is_said_and_that_it_plays(video: Path, certificate: Certificate, whole_bytes: int):
    before, shown = probe(video), decode_rgb(video, 64, 64)
    signer = Credentials(certificate, now=lambda: NOW, whole_bytes=whole_bytes)
    assert signer.sign(video, ORIGIN, nothing) == video.stat().st_size
    state, wrong, said = read(video.read_bytes())
    assert (state, wrong) == ("Valid", ["signingCredential.untrusted"])
    assert action_in(said) == {
        "action": "c2pa.created",
        "when": "2026-11-30T12:00:00Z",
        "digitalSourceType": "http://cv.iptc.org/newscodes/digitalsourcetype/"
        "trainedAlgorithmicMedia",
        "softwareAgent": {"name": "org/small", "version": "c0ffee"},
        "description": "Made by an AI model: org/small, which stands in for Big.",
        "parameters": {
            "model": "toy",
            "checkpoint": "org/small",
            "revision": "c0ffee",
            "stands_in_for": "Big",
            "began_with": "image",
        },
    }
    generator = said["claim_generator_info"][0]
    assert (generator["name"], generator["version"]) == ("VideosDGX", __version__)
    assert "time" not in said["signature_info"], "nobody was asked for a time stamp"
    assert b"walrus" not in video.read_bytes()
    after = probe(video)
    assert stream(after, "video")["nb_read_frames"] == stream(before, "video")["nb_read_frames"]
    assert (decode_rgb(video, 64, 64) == shown).all()
    assert boxes(video).index("moov") < boxes(video).index("mdat"), "it plays while it arrives"
    assert [path.name for path in video.parent.iterdir()] == [video.name]


def test_the_prompt_is_said_where_that_is_wanted(video: Path, certificate: Certificate):
    Credentials(certificate, with_prompt=True).sign(video, ORIGIN, nothing)
    _, _, said = read(video.read_bytes())
    assert action_in(said)["parameters"]["prompt"] == "a walrus on a beach"


def test_who_trusts_the_authority_trusts_the_file(video: Path):
    leaf = issue("leaf", AUTHORITY, key="ps256")
    signer = Credentials(certificate_of(leaf.pem + AUTHORITY.pem, leaf.key_pem))
    signer.sign(video, ORIGIN, nothing)
    state, wrong, said = read(video.read_bytes(), AUTHORITY.pem.decode())
    assert (state, wrong) == ("Trusted", [])
    assert (said["signature_info"]["alg"], said["signature_info"]["issuer"]) == ("Ps256", "Tests")


@pytest.mark.parametrize("whole_bytes", [WHOLE, IN_PIECES])
@pytest.mark.parametrize("place", ["moov", "mdat"])
def test_one_changed_byte_is_noticed(
    video: Path, certificate: Certificate, place: str, whole_bytes: int
):
    Credentials(certificate, whole_bytes=whole_bytes).sign(video, ORIGIN, nothing)
    data = bytearray(video.read_bytes())
    data[data.rindex(place.encode()) + 100] ^= 1
    state, wrong, _ = read(bytes(data))
    assert state == "Invalid"
    assert "assertion.bmffHash.mismatch" in wrong


def test_a_video_that_goes_on_from_another_is_only_partly_a_models():
    origin = Origin("toy", CHECKPOINT, "", ("video",), shows_upload=True)
    said = action_in(manifest(origin, NOW, with_prompt=True))
    assert said["digitalSourceType"].endswith("/compositeWithTrainedAlgorithmicMedia")
    assert "prompt" not in said["parameters"], "there is none"


def test_an_expired_certificate_signs_nothing(video: Path, certificate: Certificate):
    before = video.read_bytes()
    late = Credentials(certificate, now=lambda: datetime(2099, 1, 1, tzinfo=UTC))
    with pytest.raises(CredentialsFailed, match="has expired") as refused:
        late.sign(video, ORIGIN, nothing)
    assert "CONTENT_CREDENTIALS_CERTIFICATE" in str(refused.value.body.hint)
    assert video.read_bytes() == before


def test_what_is_no_mp4_is_left_as_it_is(tmp_path: Path, certificate: Certificate):
    file = tmp_path / "video.mp4"
    file.write_bytes(b"no film")
    with pytest.raises(CredentialsFailed, match="could not be signed") as refused:
        Credentials(certificate).sign(file, ORIGIN, nothing)
    assert "CONTENT_CREDENTIALS=off" in str(refused.value.body.hint)
    assert file.read_bytes() == b"no film"
    assert [path.name for path in tmp_path.iterdir()] == [file.name]


def test_a_full_disk_is_called_one(video: Path, certificate: Certificate):
    video.with_suffix(".signed").symlink_to("/dev/full")
    with pytest.raises(StorageFull):
        Credentials(certificate).sign(video, ORIGIN, nothing)
    assert [path.name for path in video.parent.iterdir()] == [video.name]


def test_a_cancelled_job_waits_for_no_signature(tmp_path: Path, certificate: Certificate):
    """The child waits for ever for a pipe that nobody writes to."""
    pipe = tmp_path / "video.mp4"
    os.mkfifo(pipe)

    def cancelled() -> None:
        raise JobCancelled

    with pytest.raises(JobCancelled):
        Credentials(certificate).sign(pipe, ORIGIN, cancelled)
