"""What jobs really took on this machine: corrects the estimates of the next ones.

One small file a service, ``memory.json`` in its state folder, written after every job. An estimate
comes from the model's geometry; the measured bytes of the same shape replace it, those of other
shapes scale it.
"""

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from pydantic import BaseModel, ConfigDict, ValidationError

from common.contract import Memory

HEADROOM = 1.05
"""On measured bytes: allocators do not repeat themselves exactly."""
LEAST_FACTOR, MOST_FACTOR = 0.5, 2.0
"""How far other shapes may move an estimate: another shape may hit another peak."""
SHAPES_KEPT = 200
WAYS_KEPT = 20
"""The latest ones: who sends a job may make up any number of them."""
FUSED = " together="
"""Marks the shape of a fused batch."""


class _Run(BaseModel):
    model_config = ConfigDict(frozen=True)

    estimated: int
    measured: int


class _Record(BaseModel):
    """Measured bytes by checkpoint and scheme, and by shape below that."""

    model_config = ConfigDict(frozen=True)

    loads: dict[str, int] = {}
    runs: dict[str, _Run] = {}
    paces: tuple[float, ...] = ()
    """Seconds for each unit of cost, of the last jobs."""
    other_paces: dict[str, tuple[float, ...]] = {}
    """Of jobs that are made another way, by that."""

    def paces_of(self, way: str) -> tuple[float, ...]:
        return self.other_paces.get(way, ()) if way else self.paces

    def with_pace(self, way: str, pace: float) -> "_Record":
        paces = (*self.paces_of(way), pace)[-10:]
        if not way:
            return self.model_copy(update={"paces": paces})
        others = {name: known for name, known in self.other_paces.items() if name != way}
        kept = dict([*others.items(), (way, paces)][-WAYS_KEPT:])
        return self.model_copy(update={"other_paces": kept})


@dataclass(frozen=True)
class Corrected:
    """An estimate with all that is known, and whether this very shape was measured."""

    memory: Memory
    measured: bool


class Experience:
    """Reads and writes the file; a damaged one is forgotten, estimates are then uncorrected."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[tuple[int, int], _Record] | None = None

    def corrected(self, weights: str, shape: str, estimate: Memory, batch: int = 1) -> Corrected:
        """The estimate, corrected; ``weights`` names the checkpoint and its scheme.

        ``shape`` is all of the request that decides its peak.

        What fused batches took says nothing of single jobs, nor the other way round.
        """
        record, key = self._read(), shape_of(weights, shape, batch)
        load = record.loads.get(weights, estimate.load_bytes)
        run = record.runs.get(key)
        if run is not None:
            return Corrected(Memory(load, int(run.measured * HEADROOM)), weights in record.loads)
        others = [
            run
            for known, run in record.runs.items()
            if known.startswith(f"{weights} ") and (FUSED in known) == (batch > 1)
        ]
        ratios = [r.measured / max(1, r.estimated) for r in others]
        factor = min(max(median(ratios), LEAST_FACTOR), MOST_FACTOR) if ratios else 1.0
        return Corrected(Memory(load, int(estimate.run_bytes * factor)), False)

    def seconds(self, cost: float, way: str = "") -> float | None:
        """How long a job of this cost takes here once it runs; None before the first.

        ``way``: a ``Work``'s. Before the first of its own it is the plain way's.
        """
        record = self._read()
        paces = record.paces_of(way) or record.paces
        return median(paces) * cost if paces else None

    def loaded(self, weights: str, measured: int) -> None:
        """Note what the weights really hold."""
        record = self._read()
        loads = {**record.loads, weights: measured}
        self._write(record.model_copy(update={"loads": loads}))

    def ran(
        self,
        weights: str,
        shape: str,
        estimated: int,
        measured: int,
        pace: float,
        batch: int = 1,
        way: str = "",
    ) -> None:
        """Note a job's peak above what was held before it, and its seconds a unit of cost."""
        record, key = self._read(), shape_of(weights, shape, batch)
        runs = dict(record.runs)
        runs.pop(key, None)  # the latest comes last, the oldest goes first
        runs[key] = _Run(estimated=estimated, measured=measured)
        kept = dict(list(runs.items())[-SHAPES_KEPT:])
        self._write(record.with_pace(way, pace).model_copy(update={"runs": kept}))

    def outgrew(self, weights: str, shape: str, asked: int, held: int, batch: int = 1) -> None:
        """A job was stopped by the watchdog: next time it asks for a quarter more than it had."""
        record, key = self._read(), shape_of(weights, shape, batch)
        more = _Run(estimated=asked, measured=max(asked, held) * 5 // 4)
        runs = {**record.runs, key: more}
        self._write(record.model_copy(update={"runs": runs}))

    def _read(self) -> _Record:
        """The file, parsed again only when it was replaced: every submit asks."""
        try:
            status = self._path.stat()
            version = (status.st_ino, status.st_mtime_ns)
            if self._seen is None or self._seen[0] != version:
                record = _Record.model_validate_json(self._path.read_bytes())
                self._seen = (version, record)
            return self._seen[1]
        except (OSError, ValidationError):
            return _Record()

    def _write(self, record: _Record) -> None:
        """Whole or not at all; a full disk costs the lesson and no more."""
        draft = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        with contextlib.suppress(OSError):
            draft.write_text(record.model_dump_json(), encoding="utf-8")
            draft.replace(self._path)


def shape_of(weights: str, shape: str, batch: int = 1) -> str:
    """All that decides a job's peak. ``batch``: jobs made together."""
    return f"{weights} {shape}" + (f"{FUSED}{batch}" if batch > 1 else "")
