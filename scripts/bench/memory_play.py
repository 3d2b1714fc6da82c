"""Plays a history: every worker does on its lease what ``Arbiter`` does, in virtual time.

Workers look at the pool after every event, in changing order, instead of five times a second.
"""

from collections.abc import Callable

from common.memory.decisions import Evict, Grant
from common.memory.pool import Stage, Ticket
from scripts.bench import memory_going
from scripts.bench.memory_parts import Act, Phase, Worker
from scripts.bench.memory_world import World

_OWN = frozenset({Act.LOADED, Act.RAN, Act.DONE, Act.NOTICE, Act.EXIT, Act.UNLOAD})
"""What a process that is paused does not get to."""


MOST_STEPS = 1_000


class Endless(Exception):
    """So much happens only where workers send each other away in circles."""


def play(world: World) -> World:
    """To the end: until nothing is planned any more."""
    while step(world):
        pass
    return world


def play_until_begun(world: World, jobs: frozenset[int], first: str | None = None) -> World:
    """Until these jobs have begun, or nothing is planned; ``first`` looks before all others."""
    if first is not None:
        _act(world, world.workers[first])
    _look(world)
    while not jobs <= world.begun.keys() and step(world):
        pass
    return world


def step(world: World) -> bool:
    """One event and all that the workers make of it; False: there was none."""
    event = world.next_event()
    if event is None:
        return False
    world.steps += 1
    if world.steps > MOST_STEPS:
        raise Endless
    _, _, act, name, life, amount = event
    worker = world.workers.get(name)
    if worker is None:
        world.others_bytes = max(0, world.others_bytes + int(amount))
    elif life in (-1, worker.life):
        if worker.paused_until is not None and act in _OWN:
            world.plan(worker.paused_until, act, name, amount, life)
        else:
            _ACTS[act](world, worker, amount)
    _look(world)
    if world.watcher:
        world.watcher.after(world)
    return True


def _look(world: World) -> None:
    """Until nobody can do anything more at this moment."""
    names = list(world.workers)
    changed = True
    while changed:
        world.turn += 1
        first = world.turn * 7 // 3 % len(names)
        changed = any(_act(world, world.workers[n]) for n in names[first:] + names[:first])


def _act(world: World, worker: Worker) -> bool:
    """What a worker does when it looks; whether it changed anything."""
    if worker.lease is None or worker.paused_until is not None or _refused(world, worker):
        return False
    if worker.phase is Phase.IDLE and worker.queue:
        return memory_going.make_room(world, worker) or _claim(world, worker)
    if worker.phase is Phase.WAITING:
        return memory_going.make_room(world, worker) or _ask(world, worker)
    return worker.phase is Phase.READY and _take_turn(world, worker)


def _refused(world: World, worker: Worker) -> bool:
    if world.refused is None or worker.phase not in (Phase.WAITING, Phase.READY):
        return False
    name, protected = world.refused
    return worker.service.name == name and not protected <= world.begun.keys()


def _claim(world: World, worker: Worker) -> bool:
    number = worker.queue[0]
    job = world.jobs[number]
    loading = 0 if worker.held.loaded else worker.service.load_bytes
    running = 0 if job.warm else job.run_bytes
    ticket = Ticket(
        accepted_at=job.accepted_at,
        number=number,
        job_id=None if job.warm else str(number),
        total_bytes=worker.held.used_bytes + loading + running,
        run_bytes=running,
        seconds=job.expected,
        since=world.now,
    )
    world.write(worker, Phase.WAITING, ticket=ticket)
    return True


def _ask(world: World, worker: Worker) -> bool:
    situation, name = world.situation(), worker.service.name
    decision = world.policy.decide(situation, name)
    if world.watcher:
        world.watcher.decided(world, situation, name, decision)
    if isinstance(decision, Grant):
        _grant(world, worker)
        return True
    if not isinstance(decision, Evict):
        return False
    asked = [world.workers[model] for model in decision.models if not world.workers[model].asked]
    for other in asked:
        other.asked = True
        world.later(other, world.delays.notice, Act.NOTICE)
    return bool(asked)


def _grant(world: World, worker: Worker) -> None:
    ticket = _ticket(worker)
    total = max(ticket.total_bytes, worker.held.held_bytes)
    world.write(worker, reserved_bytes=total, last_used=world.now)
    _stage(world, worker, Stage.GRANTED)
    if worker.held.loaded:
        _loaded_already(world, worker)
        return
    worker.phase = Phase.LOADING
    world.loads = (*world.loads, worker.service.name)
    world.write(worker, used_bytes=world.base_bytes + worker.service.load_bytes // 2)
    world.later(worker, worker.service.load_seconds, Act.LOADED)


def _loaded(world: World, worker: Worker, _: float) -> None:
    used = world.base_bytes + worker.service.load_bytes
    world.write(worker, loaded=True, loaded_at=world.now, used_bytes=used)
    world.plan(world.now + world.rules.residence_seconds, Act.LOOK, worker.service.name)
    _loaded_already(world, worker)


def _loaded_already(world: World, worker: Worker) -> None:
    if _ticket(worker).job_id is None:
        world.begun[worker.queue[0]] = world.now
        _done(world, worker, 0)
    else:
        worker.phase = Phase.READY


def _take_turn(world: World, worker: Worker) -> bool:
    situation, name = world.situation(), worker.service.name
    if world.policy.take_turn(situation, name) is not None:
        return False
    if world.watcher:
        world.watcher.turned(world, situation, name)
    number = worker.queue[0]
    job = world.jobs[number]
    world.begun[number] = world.now
    world.write(worker, Phase.RUNNING, used_bytes=worker.held.used_bytes + job.run_bytes)
    _stage(world, worker, Stage.ON_GPU)
    if job.expected is not None:
        world.plan(world.now + job.expected, Act.LOOK, name)
    world.later(worker, job.run_seconds, Act.RAN)
    return True


def _ran(world: World, worker: Worker, _: float) -> None:
    worker.phase = Phase.TAIL
    _stage(world, worker, Stage.TAIL)
    world.later(worker, world.jobs[worker.queue[0]].tail_seconds, Act.DONE)


def _done(world: World, worker: Worker, _: float) -> None:
    world.ended[worker.queue[0]] = world.now
    worker.queue = worker.queue[1:]
    used = world.base_bytes + worker.service.load_bytes
    world.write(worker, Phase.IDLE, ticket=None, used_bytes=used, reserved_bytes=used)
    world.write(worker, last_used=world.now)
    if world.delays.unload is not None:
        world.later(worker, world.delays.unload, Act.UNLOAD, world.now)


def _ticket(worker: Worker) -> Ticket:
    assert worker.held.ticket is not None  # noqa: S101  # its job has claimed one
    return worker.held.ticket


def _stage(world: World, worker: Worker, stage: Stage) -> None:
    ticket = _ticket(worker).model_copy(update={"stage": stage, "since": world.now})
    world.write(worker, ticket=ticket)


def _nothing(_: World, __: Worker, ___: float) -> None:
    """Only time has passed."""


_ACTS: dict[Act, Callable[[World, Worker, float], None]] = {
    Act.ARRIVE: memory_going.arrive,
    Act.START: memory_going.start,
    Act.LOADED: _loaded,
    Act.RAN: _ran,
    Act.DONE: _done,
    Act.NOTICE: memory_going.notice,
    Act.EXIT: memory_going.leave,
    Act.RETURN: memory_going.come_back,
    Act.UNLOAD: memory_going.unload,
    Act.RESUME: memory_going.resume,
    Act.LOOK: _nothing,
    Act.DIE: memory_going.die,
    Act.PAUSE: memory_going.pause,
}
