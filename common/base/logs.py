"""One log line an event, on standard error: JSON for machines, text for people."""

import logging
import sys
from typing import Literal

from pythonjsonlogger.json import JsonFormatter

from common.base.log_writer import LogStream, LogWriter

ROOT = "videosdgx"


def get_logger(part: str) -> logging.Logger:
    """The logger of one part of the program."""
    return logging.getLogger(f"{ROOT}.{part}")


def configure_logs(level: str, style: Literal["json", "text"], service: str) -> None:
    """Set up logging for a process; called once, at its entry point.

    From then on nothing that is logged or printed waits for whoever reads it.
    """
    writer = LogWriter(sys.stderr.fileno())
    sys.stdout, sys.stderr = LogStream(writer, 1), LogStream(writer, 2)
    handler = _Handler(writer)
    handler.setFormatter(_json(service) if style == "json" else _text(service))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.captureWarnings(True)


class _Handler(logging.Handler):
    """Hands lines to the writer. ``logging.shutdown`` flushes it, as it does at every exit."""

    def __init__(self, writer: LogWriter) -> None:
        super().__init__()
        self._writer = writer

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._writer.put(self.format(record) + "\n")
        except Exception:
            self.handleError(record)

    def flush(self) -> None:
        self._writer.flush()


def _json(service: str) -> logging.Formatter:
    return JsonFormatter(
        "{asctime}{levelname}{name}{message}",
        style="{",
        rename_fields={"asctime": "time", "levelname": "level", "name": "logger"},
        static_fields={"service": service},
    )


def _text(service: str) -> logging.Formatter:
    return _TextFormatter(f"%(asctime)s {service} %(levelname)s %(name)s: %(message)s")


class _TextFormatter(logging.Formatter):
    """A line for people: the message, then what came with it as ``key=value``."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # logging's own name
        extras = {key: value for key, value in vars(record).items() if key not in _STANDARD}
        words = (f"{key}={value}" for key, value in extras.items() if value is not None)
        return " ".join((super().formatMessage(record), *words))


_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}
