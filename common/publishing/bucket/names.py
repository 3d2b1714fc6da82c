"""Names of objects, checked: what a request says of them never gets out of its place."""

import re
import unicodedata

from common.base.errors import InvalidRequest

MAX_BYTES = 1024
"""Of a whole name in UTF-8, as S3 has it (Amazon S3 User Guide, "Naming Amazon S3 objects")."""
MAX_ASKED_BYTES = 512
"""Of what a request says of it: an operator's prefix and an owner's folder come before that."""
_JOB = re.compile(r"[0-9a-f]{32}")


def object_name(
    prefix: str,
    path: str,
    file_name: str,
    *,
    fields: tuple[str, str] = ("path", "output_filename"),
    most: int = MAX_BYTES,
) -> str:
    """The name of an object: ``file_name`` in the folder ``path``, below an operator's ``prefix``.

    Args:
        prefix: is empty, or ends with a slash; it is not checked.
        path: folders with slashes between them; empty for none. One slash at its end is no harm.
        file_name: without a slash.
        fields: what the request calls the last two.
        most: bytes of the whole.

    Raises:
        InvalidRequest: naming the field, and what is wrong with it.
    """
    steps = path.removesuffix("/").split("/") if path else []
    for step in steps:
        _check(fields[0], step)
        if _JOB.fullmatch(step):
            raise _refused(fields[0], f"{step} is a job's own folder", "Choose another one.")
    if "/" in file_name:
        raise _refused(fields[1], "it has a slash in it", f"Folders belong in {fields[0]}.")
    _check(fields[1], file_name)
    name = prefix + "/".join([*steps, file_name])
    if (size := len(name.encode())) > most:
        raise _refused(
            fields[0], f"the whole name would have {size} bytes", f"{most} are the limit."
        )
    return name


def _check(field: str, step: str) -> None:
    """One folder, or the file. An empty one is a slash at the beginning, or two in a row."""
    if step == "":
        raise _refused(
            field, "a part of it is empty", "No slash at its beginning, no two in a row."
        )
    if step in (".", ".."):
        raise _refused(field, f"{step} is no name", "Write the folder that is meant.")
    if "\\" in step or any(unicodedata.category(letter) in _UNSEEN for letter in step):
        raise _refused(
            field, "it has a backslash or a control character", "Use letters, digits, - _ . and /."
        )


_UNSEEN = ("Cc", "Cf", "Cs", "Zl", "Zp")
"""Control and format characters, halves of pairs, and ends of lines."""


def _refused(field: str, why: str, hint: str) -> InvalidRequest:
    return InvalidRequest(f"{field}: {why}.", param=field, hint=hint)
