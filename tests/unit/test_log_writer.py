"""The log's writer: nobody waits for a reader, and what is lost is counted."""

import os
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from common.base.log_writer import LogStream, LogWriter
from tests.live import wait_until


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        with suppress(OSError):
            os.close(end)


def read_all(descriptor: int) -> list[str]:
    with os.fdopen(descriptor, "rb", closefd=False) as file:
        return file.read().decode().splitlines()


def test_lines_come_in_order_and_a_flush_waits_for_them(pipe: tuple[int, int]):
    reading, writing = pipe
    writer = LogWriter(writing)
    for number in range(100):
        writer.put(f"{number}\n")
    writer.flush(10)
    os.close(writing)
    assert read_all(reading) == [str(number) for number in range(100)]


def test_what_nobody_reads_is_dropped_counted_and_owned_up_to(pipe: tuple[int, int]):
    reading, writing = pipe
    writer = LogWriter(writing, most_lines=3)
    line = "x" * 200_000 + "\n"  # more than a pipe takes: its writer hangs
    writer.put(line)
    wait_until(lambda: writer.waiting == 0, what="the writer hangs in the first line")
    for _ in range(10):
        writer.put("kept, or not\n")
    writer.flush(0.1)
    said: list[str] = []
    reader = threading.Thread(target=lambda: said.extend(read_all(reading)))
    reader.start()
    writer.flush(10)
    writer.put("later\n")
    writer.flush(10)
    os.close(writing)
    reader.join(10)
    assert said[0] == line.strip()
    assert said.count("kept, or not") == 3
    assert "7 lines of the log are missing here: nobody read it." in said
    assert said[-1] == "later"


def test_a_reader_that_has_gone_is_no_error(pipe: tuple[int, int]):
    reading, writing = pipe
    os.close(reading)
    writer = LogWriter(writing)
    for _ in range(3):
        writer.put("to nobody\n")
        writer.flush(10)


def test_what_is_printed_goes_the_same_way(pipe: tuple[int, int]):
    reading, writing = pipe
    stream = LogStream(writer := LogWriter(writing), writing)
    print("a progress bar", file=stream, end="\r", flush=True)
    print("half a caf\udce9", file=stream)
    writer.flush(10)
    os.close(writing)
    assert read_all(reading) == ["a progress bar", "half a caf?"]
    assert not stream.isatty()
    assert stream.fileno() == writing
