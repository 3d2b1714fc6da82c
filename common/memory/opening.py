"""Puts the pool together from the settings, for workers and API processes alike."""

from dataclasses import dataclass

from common.base.settings import GIB, Settings
from common.memory.ledger import Ledger
from common.memory.pool import Rules, capacity_bytes
from common.memory.probe import MemoryKind, Probe, detect, floor_bytes


@dataclass(frozen=True)
class Pool:
    """The memory that all services of this machine share."""

    ledger: Ledger
    probe: Probe
    rules: Rules
    capacity_bytes: int
    """The most that one job could ever get."""


def open_pool(settings: Settings) -> Pool:
    """Open the ledger on the state volume, and find out what memory this machine has."""
    probe = _probe(settings)
    total = probe.read().total_bytes
    rules = _rules(settings, total)
    ledger = Ledger(settings.ledger_dir)
    return Pool(ledger, probe, rules, capacity_bytes(total, rules))


def pool_size(settings: Settings) -> tuple[int, MemoryKind]:
    """The most that one job could ever get, and of what: for whoever takes no part in the pool."""
    reading = _probe(settings).read()
    rules = _rules(settings, reading.total_bytes)
    return capacity_bytes(reading.total_bytes, rules), reading.kind


def _probe(settings: Settings) -> Probe:
    return detect(settings.device, settings.memory_kind, settings.memory_source)


def _rules(settings: Settings, total_bytes: int) -> Rules:
    most = settings.memory_pool_gb
    return Rules(
        floor_bytes=floor_bytes(settings.memory_floor_gb, total_bytes),
        pool_bytes=None if most is None else int(most * GIB),
        gpu_jobs=settings.gpu_concurrent_jobs,
        residence_seconds=settings.min_residence_seconds,
    )
