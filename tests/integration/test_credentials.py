"""Content credentials through a service: from the setting to the file that is downloaded."""

import stat
from pathlib import Path

from tests.c2pa_reader import action_in, read
from tests.integration.fleet import Fleet
from tests.unit.media.ffprobe import probe, stream


def test_what_is_downloaded_is_signed(fleet: Fleet, tmp_path: Path):
    service = fleet.start(content_credentials="on")
    assert service.get("/info")["content_credentials"] is True
    job = service.finish(prompt="a walrus", num_frames=9)
    answer = service.client.get(job["links"]["download"])
    file = tmp_path / "video.mp4"
    file.write_bytes(answer.content)
    state, wrong, said = read(answer.content)
    assert (state, wrong) == ("Valid", ["signingCredential.untrusted"])
    action, result = action_in(said), job["result"]
    assert action["action"] == "c2pa.created"
    assert action["digitalSourceType"].endswith("/trainedAlgorithmicMedia")
    assert action["parameters"]["checkpoint"] == result["checkpoint"]
    assert "walrus" not in str(said)
    assert result["content_credentials"] is True
    assert result["size_bytes"] == len(answer.content) == int(answer.headers["content-length"])
    part = service.client.get(job["links"]["download"], headers={"Range": "bytes=40-99"})
    assert (part.status_code, part.content) == (206, answer.content[40:100])
    assert int(stream(probe(file), "video")["nb_read_frames"]) == 9
    kept = sorted((service.state.parent / "content_credentials").iterdir())
    modes = [(path.name, stat.S_IMODE(path.stat().st_mode)) for path in kept]
    assert modes == [("certificate.pem", 0o600), ("key.pem", 0o600)]


def test_a_service_that_cannot_sign_does_not_start(fleet: Fleet):
    service = fleet.prepare(
        content_credentials="on", content_credentials_certificate="/nowhere/chain.pem"
    )
    service.launch()
    assert service.exit_code() == 1
    assert "CONTENT_CREDENTIALS_CERTIFICATE: /nowhere/chain.pem cannot be read" in service.log()
