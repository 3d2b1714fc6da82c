"""Plays a history: how processes come, are stopped, make room and die."""

from math import inf

from common.memory.policy import evictable
from common.memory.pool import STALE_SECONDS, Lease
from scripts.bench.memory_parts import Act, Phase, Worker
from scripts.bench.memory_world import World


def arrive(world: World, worker: Worker, number: float) -> None:
    """A job is accepted."""
    worker.queue = (*worker.queue, int(number))
    _start_soon(world, worker)


def _start_soon(world: World, worker: Worker) -> None:
    if worker.lease is None and not worker.starting:
        worker.starting = True
        world.plan(world.now + world.delays.start, Act.START, worker.service.name)


def start(world: World, worker: Worker, _: float) -> None:
    """The process is there."""
    worker.starting = False
    worker.phase = Phase.IDLE
    worker.lease = Lease(
        model=worker.service.name,
        pid=worker.life,
        used_bytes=world.base_bytes,
        pinned=worker.service.pinned,
        beat=inf,
    )


def notice(world: World, worker: Worker, _: float) -> None:
    """It sees whether it has been asked to leave."""
    make_room(world, worker)


def make_room(world: World, worker: Worker) -> bool:
    """Leave, if it was asked to and is free to go; busy ones are spared."""
    if not worker.asked or worker.held.leaving:
        return worker.held.leaving
    situation = world.situation()
    worker.asked = False
    if not evictable(worker.held, situation):
        return False
    if world.watcher:
        world.watcher.leaving(world, situation, worker.service.name)
    world.write(worker, Phase.LEAVING, leaving=True, ticket=None)
    world.later(worker, world.delays.exit, Act.EXIT)
    return True


def unload(world: World, worker: Worker, since: float) -> None:
    """Idle for so long that it leaves by itself."""
    if worker.phase is Phase.IDLE and worker.held.last_used == since:
        leave(world, worker, 0)


def leave(world: World, worker: Worker, _: float) -> None:
    """The process ends; with work in its queue, the next one starts."""
    world.bury(worker)
    if worker.queue:
        _start_soon(world, worker)


def come_back(world: World, _: Worker, used: float) -> None:
    """Memory of a dead process is free again."""
    world.returning_bytes -= int(used)


def die(world: World, worker: Worker, _: float) -> None:
    """Killed."""
    if worker.lease is not None:
        leave(world, worker, 0)


def pause(world: World, worker: Worker, seconds: float) -> None:
    """Stopped, as by SIGSTOP: it goes on later, or (``seconds`` below zero) is killed then."""
    if worker.lease is None or worker.paused_until is not None:
        return
    worker.paused_until, worker.was_paused = world.now + abs(seconds), True
    world.write(worker, beat=world.now)
    world.plan(world.now + STALE_SECONDS + 0.01, Act.LOOK, worker.service.name)
    world.later(worker, abs(seconds), Act.DIE if seconds < 0 else Act.RESUME)


def resume(world: World, worker: Worker, _: float) -> None:
    """As by SIGCONT."""
    worker.paused_until = None
    world.write(worker, beat=inf)
