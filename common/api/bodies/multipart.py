"""Reads multipart/form-data, bounded in parts and text, its files into the temporary folder."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from tempfile import SpooledTemporaryFile

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.datastructures import FormData, Headers, UploadFile
from starlette.requests import Request

from common.api.bodies.aside import aside
from common.api.door.limits import check_charset
from common.base.disk import temporary_folder
from common.base.errors import InvalidRequest, UnsupportedMediaType

MOST_PARTS = 64
MOST_FILES = 4
MOST_TEXT_BYTES = 2 * 1024**2
"""Of all fields together, since they lie in memory; a large batch takes about half of it."""

_HEADER_BYTES = 1280
"""Of a part: names of a field and a file. Taking a line apart is quadratic in its semicolons."""

_IN_MEMORY_BYTES = 64 * 1024
"""Of a file; what is larger is on disk from its beginning."""

_PLAIN = frozenset({b"", b"7bit", b"8bit", b"binary"})


@asynccontextmanager
async def read_form(request: Request) -> AsyncIterator[FormData]:
    """The fields and files of a form. The files are open inside the block only.

    Raises:
        InvalidRequest: it is broken, or over a limit.
        UnsupportedMediaType: a part is packed, or in another charset than UTF-8.
        StorageFull, StorageUnavailable: the temporary folder.
    """
    parts = _Parts(_boundary_of(request))
    size = 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            # From its size on, and not by that of one piece: pieces are what the network makes.
            await aside(size, parts.write, chunk)
        yield await aside(size, parts.finished)
    finally:
        parts.close()


def _boundary_of(request: Request) -> bytes:
    _, options = parse_options_header(request.headers.get("content-type"))
    boundary = options.get(b"boundary", b"")
    if not 0 < len(boundary) <= 70:  # RFC 2046, section 5.1.1
        raise InvalidRequest(
            "The form has no boundary of 1 to 70 characters.",
            hint="Leave Content-Type to your HTTP library: it writes the boundary.",
        )
    return boundary


class _Parts:
    """What the parser finds, in order; not to be used by two threads at once."""

    def __init__(self, boundary: bytes) -> None:
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": self._name,
                "on_header_value": self._value,
                "on_header_end": self._header_ends,
                "on_headers_finished": self._head_ends,
                "on_part_data": self._data,
                "on_part_end": self._part_ends,
                "on_end": self._end,
            },
            max_header_size=_HEADER_BYTES,
        )
        self._items: list[tuple[str, str | UploadFile]] = []
        self._files: list[UploadFile] = []
        self._text_bytes = 0
        self._ended = False
        self._begin()

    def write(self, data: bytes) -> None:
        """Go on with the next bytes."""
        with temporary_folder():
            try:
                self._parser.write(data)
            except FormParserError as exc:
                raise _broken() from exc

    def finished(self) -> FormData:
        """All of it."""
        if not self._ended:
            raise _broken()
        with temporary_folder():
            for upload in self._files:
                upload.file.seek(0)
        return FormData(self._items)

    def close(self) -> None:
        """Take the files away."""
        for upload in self._files:
            with suppress(OSError):
                upload.file.close()

    def _begin(self) -> None:
        self._headers: list[tuple[bytes, bytes]] = []
        self._header = self._content = b""
        self._field = ""
        self._upload: UploadFile | None = None
        self._text = bytearray()

    def _name(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _value(self, data: bytes, start: int, end: int) -> None:
        self._content += data[start:end]

    def _header_ends(self) -> None:
        self._headers.append((self._header.lower(), self._content))
        self._header = self._content = b""

    def _head_ends(self) -> None:
        headers = dict(self._headers)
        _check_part(headers)
        _, options = parse_options_header(headers.get(b"content-disposition"))
        if b"name" not in options:
            raise _broken()
        self._field = _decoded(options[b"name"])
        if b"filename" in options:
            self._upload = self._new_file(_decoded(options[b"filename"]))
        if len(self._items) >= MOST_PARTS or len(self._files) > MOST_FILES:
            raise InvalidRequest(
                f"The form has over {MOST_PARTS} fields or {MOST_FILES} files.",
                hint="Send each field once, and no more files than fields for them.",
            )

    def _new_file(self, name: str) -> UploadFile:
        file = SpooledTemporaryFile[bytes](max_size=_IN_MEMORY_BYTES)
        upload = UploadFile(file, size=0, filename=name, headers=Headers(raw=self._headers))  # type: ignore[arg-type]
        self._files.append(upload)
        return upload

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._upload is not None:
            self._upload.file.write(memoryview(data)[start:end])
            self._upload.size = (self._upload.size or 0) + end - start
            return
        self._text_bytes += end - start
        if self._text_bytes > MOST_TEXT_BYTES:
            raise InvalidRequest(
                f"The form's fields have over {MOST_TEXT_BYTES // 1024**2} MB of text.",
                hint="Send files as files, with a file name.",
            )
        self._text += data[start:end]

    def _part_ends(self) -> None:
        self._items.append((self._field, self._upload or _text(self._field, self._text)))

    def _end(self) -> None:
        self._ended = True


def _check_part(headers: dict[bytes, bytes]) -> None:
    check_charset(headers.get(b"content-type", b""))
    packed = headers.get(b"content-transfer-encoding", b"").strip().lower()
    if packed not in _PLAIN:
        raise UnsupportedMediaType(
            "A part of the form is packed (Content-Transfer-Encoding).", hint="Send it as it is."
        )


def _text(field: str, data: bytearray) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as exc:
        raise InvalidRequest(
            f"{field}: it is not UTF-8.", param=field, hint="Send text in UTF-8."
        ) from exc


def _decoded(name: bytes) -> str:
    """Of a field or a file: browsers send UTF-8, old clients anything."""
    try:
        return name.decode()
    except UnicodeDecodeError:
        return name.decode("latin-1")


def _broken() -> InvalidRequest:
    return InvalidRequest(
        "The form cannot be read: it is cut off, or no multipart/form-data.",
        hint="Send fields and files as an HTTP library writes them.",
    )
