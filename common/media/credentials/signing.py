"""Signs files, each in a child process, in place and whole."""

import json
import logging
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from common.base.bounded_child import bare_environment, module_command
from common.base.disk import disk_named, says_full, storage_full
from common.base.errors import VideosDGXError
from common.base.settings import MIB, SettingsError
from common.base.threads import no_threads_left
from common.contract.variants import Checkpoint
from common.media.credentials.certificate import CERTIFICATE, Certificate
from common.media.credentials.manifest import Origin, manifest

logger = logging.getLogger("videosdgx.media")

POLL_SECONDS = 0.2
"""How often a wait for the child calls back, so that a job can be left during it."""
WHOLE_BYTES = 64 * MIB
"""Larger files are hashed a megabyte at a time (a Merkle tree), since the library reads up to
256 MiB into memory for one hash. Smaller ones have the one hash that every reader knows."""
_PIECES = {"merkle_tree_chunk_size_in_kb": 1024}
_KEPT_IN_MEMORY = {"backing_store_memory_threshold_in_mb": 8}
_ROOT = Path(__file__).parents[3]
_TRIAL = '<svg xmlns="http://www.w3.org/2000/svg"></svg>'
_NOTHING = Origin("trial", Checkpoint(id="trial", revision="trial", path=Path()), prompt="")


class CredentialsFailed(VideosDGXError):
    """A file could not be signed, and none is published without; the log says why."""

    code = "credentials_failed"


def _utc() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Credentials:
    """What files are signed with, and what is said of them."""

    certificate: Certificate
    with_prompt: bool = False
    now: Callable[[], datetime] = _utc
    whole_bytes: int = WHOLE_BYTES

    def sign(self, file: Path, origin: Origin, look: Callable[[], None]) -> int:
        """Put a signed MP4 in the place of an unsigned one; answers its size in bytes.

        Takes up to twice its size on the same volume meanwhile. ``look`` is called every 0.2 s;
        what it raises ends the child.

        Raises:
            CredentialsFailed: nothing is signed, and the file is as it was.
            StorageFull, StorageUnavailable: see ``disk_named``.
            NoThreads: the machine has no room for another process.
        """
        if not self.certificate.begins <= self.now() <= self.certificate.ends:
            raise CredentialsFailed(
                "The certificate of the content credentials is not valid now: it has expired, or"
                " the machine's clock is wrong.",
                hint=f"The operator sets {CERTIFICATE} to a new one, or CONTENT_CREDENTIALS=off,"
                " and restarts the service.",
            )
        with disk_named():
            self._sign(file, "video/mp4", origin, look)
            return file.stat().st_size

    def rehearse(self) -> None:
        """Sign something small, so that what C2PA minds is known before hours of work.

        Raises:
            SettingsError: it does not take the certificate; the log says why.
        """
        with TemporaryDirectory() as folder:
            file = Path(folder) / "trial.svg"
            file.write_text(_TRIAL, encoding="ascii")
            try:
                self._sign(file, "image/svg+xml", _NOTHING, lambda: None)
            except CredentialsFailed as exc:
                raise SettingsError(
                    f"{CERTIFICATE}: nothing can be signed with it.",
                    param=CERTIFICATE,
                    hint="The line above has C2PA's words. See docs/content-credentials.md.",
                ) from exc

    def _sign(self, file: Path, media_type: str, origin: Origin, look: Callable[[], None]) -> None:
        target = file.with_suffix(".signed")
        pieces = _PIECES if file.stat().st_size > self.whole_bytes else {}
        order = {
            "source": str(file.absolute()),
            "target": str(target.absolute()),
            "media_type": media_type,
            "algorithm": self.certificate.algorithm,
            "chain": self.certificate.chain,
            "key": self.certificate.key,
            "manifest": manifest(origin, self.now(), with_prompt=self.with_prompt),
            "core": _KEPT_IN_MEMORY | pieces,
        }
        try:
            _carry_out(order, file.parent.absolute(), look)
            target.replace(file)
        finally:
            target.unlink(missing_ok=True)


def _carry_out(order: Mapping[str, Any], folder: Path, look: Callable[[], None]) -> None:
    with _started(folder) as child:
        try:
            words = _last_words(child, json.dumps(order).encode(), look)
        except BaseException:
            child.kill()
            raise
    if child.returncode == 0:
        return
    logger.error("signing ended with status %s: %s", child.returncode, words)
    if says_full(words):
        raise storage_full()
    raise _failed()


def _started(folder: Path) -> "subprocess.Popen[bytes]":
    try:
        return subprocess.Popen(
            module_command("common.media.credentials.child"),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=bare_environment() | {"TMPDIR": str(folder)},  # /tmp may be memory
            cwd=_ROOT,
            process_group=0,  # a signal to the worker's group does not cut it short
        )
    except (OSError, RuntimeError) as exc:
        raise no_threads_left(exc) or _failed() from exc


def _last_words(child: "subprocess.Popen[bytes]", order: bytes, look: Callable[[], None]) -> str:
    sent: bytes | None = order
    while True:
        try:
            return child.communicate(sent, timeout=POLL_SECONDS)[1].decode(errors="replace")
        except subprocess.TimeoutExpired:
            sent = None  # it has it
            look()


def _failed() -> CredentialsFailed:
    return CredentialsFailed(
        "The file could not be signed with content credentials, and is not published without.",
        hint="The operator finds the reason in the service's log under this job's id;"
        " CONTENT_CREDENTIALS=off makes files without.",
    )
