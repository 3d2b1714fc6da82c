"""The safetensors file format: what a header may say, and what is a damaged file. No torch here.

A file is the header's length (8 bytes, little endian), the header (JSON), then the tensors' bytes
without gaps (huggingface/safetensors, README.md, "Format").
"""

import json
import math
import os
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

LENGTH_BYTES = 8
MAX_HEADER_BYTES = 100_000_000
"""The format's own limit (safetensors, safetensors/src/tensor.rs, MAX_HEADER_SIZE)."""
ITEM_BYTES = {
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E4M3", "F8_E5M2", "F8_E8M0"), 1),
    **dict.fromkeys(("U16", "I16", "F16", "BF16"), 2),
    **dict.fromkeys(("U32", "I32", "F32"), 4),
    **dict.fromkeys(("U64", "I64", "F64"), 8),
}


class DamagedFile(Exception):
    """What is wrong with a weights file, in words that follow its name."""


@dataclass(frozen=True)
class Entry:
    """One tensor: its bytes lie at [start, stop) of file number ``file`` of its component."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    start: int
    stop: int
    file: int = 0

    @property
    def size(self) -> int:
        """Bytes in the file."""
        return self.stop - self.start


def read_header(descriptor: int, file: int = 0) -> list[Entry]:
    """The tensors of an open file, in the order of their bytes.

    Raises:
        DamagedFile: the file is cut short, or its header is not one.
    """
    size = os.fstat(descriptor).st_size
    text = header_bytes(descriptor, size)
    start = LENGTH_BYTES + len(text)
    try:
        entries = [_entry(*item, start, file) for item in _parse(text) if item[0] != "__metadata__"]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as exc:
        raise DamagedFile("has a damaged header") from exc
    entries.sort(key=lambda entry: (entry.start, entry.stop))
    _check_layout(entries, start, size)
    return entries


def header_bytes(descriptor: int, size: int) -> bytes:
    """The header's JSON text, of a file of ``size`` bytes. Raises DamagedFile."""
    prefix = os.pread(descriptor, LENGTH_BYTES, 0)
    if len(prefix) < LENGTH_BYTES:
        raise DamagedFile("is cut short")
    (length,) = struct.unpack("<Q", prefix)
    if length > MAX_HEADER_BYTES:
        raise DamagedFile("has a damaged header")
    if LENGTH_BYTES + length > size:
        raise DamagedFile("is cut short")
    return os.pread(descriptor, length, LENGTH_BYTES)


def make_header(tensors: Iterable[tuple[str, str, Sequence[int], int]]) -> bytes:
    """Length and header of a file with these (name, dtype, shape, bytes), one after the other."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    start = 0
    for name, dtype, shape, size in tensors:
        offsets = [start, start + size]
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": offsets}
        start += size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % LENGTH_BYTES)
    return struct.pack("<Q", len(text)) + text


def _parse(text: bytes) -> list[tuple[str, Any]]:
    """The header's items as they stand. A name that comes twice is an error, not the last one."""
    pairs: list[tuple[str, Any]] = json.loads(text, object_pairs_hook=list)
    is_object = text.lstrip()[:1] == b"{"
    if not is_object or len({name for name, _ in pairs}) != len(pairs):
        raise ValueError("no object, or one with a name twice")
    return pairs


def _entry(name: str, pairs: Any, start: int, file: int) -> Entry:
    fields = dict(pairs)
    shape, (begin, end) = tuple(fields["shape"]), fields["data_offsets"]
    if not all(type(number) is int and number >= 0 for number in (*shape, begin, end)):
        raise ValueError("sizes must be whole numbers")
    if end - begin != math.prod(shape) * ITEM_BYTES[fields["dtype"]]:
        raise ValueError("shape and bytes disagree")
    return Entry(name, fields["dtype"], shape, start + begin, start + end, file)


def _check_layout(entries: Sequence[Entry], start: int, size: int) -> None:
    for entry in entries:
        if entry.start != start:
            raise DamagedFile("has a damaged header")
        start = entry.stop
    if start > size:
        raise DamagedFile("is cut short")
    if start < size:
        raise DamagedFile("is longer than its header says")
