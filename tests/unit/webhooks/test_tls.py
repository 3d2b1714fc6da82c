"""TLS goes by the name, while the connection goes to the address that was checked."""

import asyncio
import shutil
import ssl
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from pydantic import SecretStr

from common.base.settings import Settings
from common.jobs.outbox import Attempt, Delivery, DeliveryState
from common.jobs.webhooks.post import Postman
from common.jobs.webhooks.signing import open_signer
from tests.receivers import SECRET

OPENSSL = shutil.which("openssl")
pytestmark = pytest.mark.skipif(OPENSSL is None, reason="needs openssl")


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    key, file = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = [str(OPENSSL), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    command += ["-subj", "/CN=example.org", "-addext", "subjectAltName=DNS:example.org"]
    command += ["-keyout", str(key), "-out", str(file)]
    subprocess.run(command, check=True, capture_output=True)
    return file, key


async def here(_host: str, _port: int) -> Sequence[str]:
    return ["127.0.0.1"]


async def attempt(certificate: tuple[Path, Path], host: str, names: list[str | None]) -> Attempt:
    """Post to ``host``, which is a TLS server of ours whatever its name; notes the SNI."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    context.sni_callback = lambda _socket, name, _context: names.append(name)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        await writer.drain()
        writer.close()

    settings = Settings(  # type: ignore[call-arg]
        _env_file=None,
        webhooks_allowed=True,
        webhook_secret=SecretStr(SECRET),
        webhook_allow_private=True,
        webhook_ports="any",
    )
    signer = open_signer(settings)
    assert signer is not None
    async with await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context) as server:
        url = f"https://{host}:{server.sockets[0].getsockname()[1]}/hook"
        pending = DeliveryState.PENDING
        delivery = Delivery(id="msg_1", job="1", url=url, body="{}", state=pending, next_at=0)
        return (await Postman(settings, signer, lambda: 1e9, here).post(delivery)).attempt


def test_the_certificate_is_checked_by_the_name(
    certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    names: list[str | None] = []
    assert asyncio.run(attempt(certificate, "example.org", names)).status == 204
    assert names == ["example.org"]
    wrong = asyncio.run(attempt(certificate, "example.net", names))
    assert wrong.error == "the certificate is not trusted"


def test_an_unknown_certificate_is_not_trusted(certificate: tuple[Path, Path]):
    assert asyncio.run(attempt(certificate, "example.org", [])).error == (
        "the certificate is not trusted"
    )
