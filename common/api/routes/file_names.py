"""What a file is called in a downloads folder: model, words of its prompt, day, id.

Twice: in its own script, and in ASCII for clients that read no other.
"""

import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from common.contract import Kind
from common.contract.kind import main_file
from common.jobs.model import Job

_WORDS_CHARS = 48
"""At four bytes each they leave room for the rest in the 255 that file systems take."""
_ODD = re.compile("[^A-Za-z0-9._-]+")
_UNDIVIDED = str.maketrans("øØłŁđĐðÐ", "oOlLdDdD") | str.maketrans(
    {"ß": "ss", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "þ": "th", "Þ": "Th", "\u0131": "i"}
)
"""Latin letters that Unicode does not take apart into a plain one and a mark."""


@dataclass(frozen=True)
class FileName:
    """One file's name."""

    real: str
    plain: str
    """The same without accents, and without the words where they are in another script."""

    @property
    def attachment(self) -> str:
        """The value of Content-Disposition (RFC 6266, with the real name as RFC 8187 has it)."""
        extended = "" if self.real == self.plain else f"; filename*=UTF-8''{quote(self.real, '')}"
        return f'attachment; filename="{self.plain}"{extended}'


def file_name(kind: Kind, job: Job) -> FileName:
    """Of what a finished job was for: as its request calls it, where that says so."""
    if (asked := job.resolved.output_name) is not None:
        return asked_name(asked.rpartition("/")[2], job.id)
    model = f"{job.model}-stand-in" if job.result and job.result.stands_in_for else job.model
    ending = main_file(kind, job.result).name.rpartition(".")[2]
    return name_of(model, job.resolved.title, job.created_at, job.id, ending)


def name_of(model: str, words: str, moment: float, name: str, ending: str) -> FileName:
    """A file that came of ``words`` at a ``moment``, in seconds since 1970."""
    day = datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d")
    real, plain = (
        "_".join(filter(None, (model, spoken, day, name[:8]))) + f".{ending}"
        for spoken in (real_words(words), plain_words(words))
    )
    return FileName(real, plain)


def asked_name(name: str, job_id: str) -> FileName:
    """What a request has called the file that it asks for."""
    plain = _ODD.sub("-", _bare(name))
    has_words = re.search("[A-Za-z0-9]", plain.rpartition(".")[0] or plain)
    return FileName(name, plain if has_words else f"{job_id[:8]}{Path(plain).suffix}")


def real_words(text: str) -> str:
    """Letters and digits of every script, with hyphens for all that is between them."""
    letters = unicodedata.normalize("NFC", text)
    kept = (letter if unicodedata.category(letter)[0] in "LMN" else "-" for letter in letters)
    return _hyphened("".join(kept))


def plain_words(text: str) -> str:
    """The same in ASCII: accents are taken off, as in ``Acao`` of ``Ação``."""
    return _hyphened(re.sub(r"[^A-Za-z0-9]", "-", _bare(text)))


def _bare(text: str) -> str:
    letters = unicodedata.normalize("NFKD", text.translate(_UNDIVIDED))
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


def _hyphened(words: str) -> str:
    return re.sub("-+", "-", words).strip("-")[:_WORDS_CHARS].strip("-")
