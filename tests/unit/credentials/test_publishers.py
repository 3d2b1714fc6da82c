"""Every MP4 that is published is signed, or the job fails."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from common.contract import Making
from common.contract.variants import Checkpoint
from common.kinds.video.kind import VIDEO_KIND
from common.kinds.video.publisher import VideoPublisher
from common.media.codecs import EncoderSettings
from common.media.credentials import own
from common.media.credentials.certificate import Certificate, certificate_of
from common.media.credentials.signing import Credentials, CredentialsFailed
from tests.c2pa_reader import action_in, read
from tests.unit.media.clips import clip_of, noise
from trainer.kind import TRAINING_KIND
from trainer.product import Trained
from trainer.publisher import TrainingPublisher

FAST = EncoderSettings(preset="ultrafast")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return certificate_of(*own.kept(tmp_path_factory.mktemp("state") / own.FOLDER))


def making(folder: Path, request: Any) -> Making:
    return Making(
        job_id="0" * 32,
        model="toy",
        request=request,
        checkpoint=Checkpoint("org/small", "c0ffee", Path()),
        folder=folder,
        inputs=Path("inputs"),
        look=lambda: None,
        model_done=lambda: None,
        progress=lambda *_: None,
    )


def test_a_video(tmp_path: Path, certificate: Certificate):
    request = VIDEO_KIND.nothing.model_copy(update={"image": tmp_path / "0.png"})
    publisher = VideoPublisher(FAST, Credentials(certificate))
    result = publisher.publish(clip_of(noise(6)), making(tmp_path, request))
    signed = (tmp_path / "video.mp4").read_bytes()
    state, _, said = read(signed)
    assert (state, action_in(said)["parameters"]["began_with"]) == ("Valid", "image")
    assert (result.content_credentials, result.size_bytes) == (True, len(signed))


def test_none_where_it_cannot_be_signed(tmp_path: Path, certificate: Certificate):
    late = Credentials(certificate, now=lambda: datetime(2099, 1, 1, tzinfo=UTC))
    with pytest.raises(CredentialsFailed):
        VideoPublisher(FAST, late).publish(clip_of(noise(6)), making(tmp_path, VIDEO_KIND.nothing))


def test_what_a_training_shows(tmp_path: Path, certificate: Certificate):
    product = Trained(
        lambda path, _told: path.write_bytes(b"lora") and None, [1.0], clip_of(noise(6))
    )
    request = TRAINING_KIND.nothing.model_copy(update={"validation_prompt": "a kite"})
    publisher = TrainingPublisher(FAST, Credentials(certificate, with_prompt=True))
    result = publisher.publish(product, making(tmp_path, request))
    state, _, said = read((tmp_path / "validation.mp4").read_bytes())
    assert (state, action_in(said)["parameters"]["prompt"]) == ("Valid", "a kite")
    assert (result.content_credentials, result.size_bytes) == (True, len(b"lora"))
