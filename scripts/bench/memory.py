"""How well four models share one pool: time and swaps, beside the best and a simple way."""

import argparse
from dataclasses import dataclass
from math import inf, isinf
from random import Random
from statistics import mean

from common.memory.decisions import Decision, Grant, Wait
from common.memory.pool import Situation, Stage, capacity_bytes, missing_bytes
from scripts.bench.memory_best import Best, Search
from scripts.bench.memory_parts import Delays, Job, Policy
from scripts.bench.memory_patterns import PATTERNS, RULES, SERVICES, TOTAL
from scripts.bench.memory_play import play
from scripts.bench.memory_world import World
from scripts.bench.report import Goal, Report

MOST = Goal(1.3)
SEED = 20
UNLOAD_SECONDS = 600.0
"""Of the simple way: the default of AUTO_UNLOAD_MINUTES."""


@dataclass(frozen=True)
class Outcome:
    """One way on one load."""

    ours: Best
    best: Best
    simple: Best


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may be chosen."""
    parser.add_argument("--rounds", type=int, default=20, help="random loads of each pattern")


def run(args: argparse.Namespace, report: Report) -> int:
    """Play all patterns; 1 if the goal was missed."""
    for name, pattern in PATTERNS.items():
        report.heading(f"{name}: {(pattern.__doc__ or '').splitlines()[0]}")
        loads = [pattern(Random(SEED + i)) for i in range(args.rounds)]  # noqa: S311  # not a secret
        _add(report, name, [_outcome(jobs) for jobs in loads])
    return int(any(figure.verdict == "short" for figure in report.figures))


def _outcome(jobs: tuple[Job, ...]) -> Outcome:
    ours = _played(jobs, Policy(), Delays())
    simple = _played(jobs, Policy(load_if_it_fits, first_come), Delays(unload=UNLOAD_SECONDS))
    search = Search(SERVICES, jobs, capacity_bytes(TOTAL, RULES))
    return Outcome(ours, search.run(), simple)


def _played(jobs: tuple[Job, ...], policy: Policy, delays: Delays) -> Best:
    world = play(World(SERVICES, jobs, RULES, TOTAL, policy=policy, delays=delays))
    ends = max(world.ended.values()) if len(world.ended) == len(jobs) else inf
    return Best(ends, len(world.loads), len(world.loads) - len(set(world.loads)))


def load_if_it_fits(situation: Situation, model: str) -> Decision:
    """The simple way: no order, nobody is asked to leave; models leave when idle for long."""
    fits = missing_bytes(situation.lease(model)) <= situation.free_bytes
    return Grant() if fits else Wait("memory")


def first_come(situation: Situation, _model: str) -> Wait | None:
    """The simple way's GPU: whoever looks first."""
    busy = [lease for lease in situation.leases if lease.stage is Stage.ON_GPU]
    return Wait("the GPU") if len(busy) >= situation.rules.gpu_jobs else None


def _add(report: Report, name: str, outcomes: list[Outcome]) -> None:
    ratios = [outcome.ours.seconds / outcome.best.seconds for outcome in outcomes]
    note = f"worst of {len(ratios)}, mean {mean(ratios):.3f}"
    report.add(name, "makespan / best", max(ratios), "", MOST, note)
    for way in ("ours", "best", "simple"):
        played: list[Best] = [getattr(outcome, way) for outcome in outcomes]
        seconds = mean(one.seconds for one in played)
        swaps = mean(one.swaps for one in played)
        never = sum(isinf(one.seconds) for one in played)
        note = f"{never} of {len(played)} never ended" if never else f"{swaps:.1f} swaps"
        report.add(name, f"{way}: makespan, mean", seconds / 60, "min", None, note)
