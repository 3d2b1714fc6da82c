"""The estimator on replayed histories."""

import random
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.contract import Phase
from common.contract.messages import Progress
from common.jobs.estimates.eta import Estimate, Run, Work, estimate, relative_error, weighted_median
from common.jobs.estimates.line import Line, Place, line_up, settled
from common.jobs.states import JobState
from common.kinds.video.resolved import ResolvedRequest
from tests.eta_machine import LOADING, OVERHEAD, STEP_SECONDS, Machine, random_request

JOBS = 60


def work_of(request: ResolvedRequest) -> Work:
    pixels = request.width * request.height * request.num_frames
    return Work(float(pixels * request.num_inference_steps), pixels, request.num_inference_steps)


def first_estimate_errors(seed: int, *, drift: float) -> list[float]:
    """Of jobs that come one after the other; from the eleventh on."""
    rng = random.Random(seed)
    machine, runs, errors = Machine(rng), list[Run](), list[float]()
    for number in range(JOBS):
        if number == JOBS // 2:
            machine.slowness = drift
        request = random_request(rng)
        known = estimate(work_of(request), runs)
        runs.append(Run(work_of(request), machine.run(request, loading=number % 7 == 0)))
        if known is not None and number >= 10:
            error = relative_error(known.working, runs[-1])
            assert error is not None
            errors.append(error)
    return errors


@pytest.mark.parametrize("seed", range(20))
def test_after_ten_runs_the_first_estimate_is_good(seed: int):
    assert median(first_estimate_errors(seed, drift=1.3)) < 0.15


def test_a_slower_machine_is_believed_after_a_few_jobs():
    """The last third of all jobs, long after the drift, is as good as if there had been none."""
    late = [e for seed in range(20) for e in first_estimate_errors(seed, drift=1.3)[-20:]]
    assert median(late) < 0.1


def test_the_parts_are_found_again():
    machine = Machine(random.Random(1), sigma=0)
    requests = [random_request(machine.rng) for _ in range(8)]
    runs = [Run(work_of(r), machine.run(r, loading=True)) for r in requests]
    assert runs[0].pace == pytest.approx(STEP_SECONDS)
    assert runs[0].overhead == pytest.approx(OVERHEAD)
    known = estimate(work_of(requests[0]), runs)
    assert known is not None
    assert known.loading == pytest.approx(LOADING)
    assert known.working == pytest.approx(runs[0].working)


def test_before_the_first_run_nothing_is_known():
    assert estimate(Work(1.0, 1, 1), []) is None


def test_another_way_is_learnt_apart():
    """Nothing of what was left out makes a whole job look fast; before the first, it is as slow."""
    whole, other = Work(100.0, 10, 2), Work(100.0, 10, 2, way="mag 0.06")
    slow = Run(whole, {"denoising": 5.0, "encoding_prompt": 6.0})
    fast = Run(other, {"denoising": 2.0, "encoding_prompt": 3.0})
    assert estimate(whole, [fast]) is None
    known = [
        estimate(work, runs)
        for work, runs in (
            (whole, [slow, fast, fast]),
            (other, [slow]),
            (other, [slow, slow, fast]),
        )
    ]
    assert [each and each.working for each in known] == pytest.approx([11, 11, 5])


def test_one_odd_run_moves_nothing():
    same = Run(Work(100.0, 10, 2), {"denoising": 5.0, "encoding_prompt": 6.0})
    odd = Run(same.work, {"denoising": 500.0, "encoding_prompt": 600.0})
    known = estimate(same.work, [same] * 4 + [odd])
    assert known is not None
    assert known.working == pytest.approx(11)


def test_a_single_step_is_all_booked_on_the_prompt():
    run = Run(Work(100.0, 10, 1), {"encoding_prompt": 8.0})
    known = estimate(Work(200.0, 10, 1), [run])
    assert known is not None
    assert known.working == pytest.approx(16)


values = st.lists(st.tuples(st.floats(0, 1e6), st.floats(0.001, 1)), min_size=1, max_size=20)


@given(values)
def test_a_median_halves_the_weight(pairs: list[tuple[float, float]]):
    middle = weighted_median(pairs)
    total = sum(weight for _, weight in pairs)
    assert sum(weight for value, weight in pairs if value < middle) <= total / 2 * 1.000001
    assert sum(weight for value, weight in pairs if value > middle) <= total / 2 * 1.000001


KNOWN = Estimate(
    40.0, {Phase.ENCODING_PROMPT: 6.0, Phase.DENOISING: 9.0, Phase.DECODING: 5.0}
    | {Phase.ENCODING_VIDEO: 1.0}
)  # fmt: skip


@pytest.mark.parametrize(
    ("progress", "since", "left"),
    [
        (Progress(), 3.0, 21.0),
        (Progress(phase=Phase.LOADING), 10.0, 51.0),
        (Progress(phase=Phase.ENCODING_PROMPT), 2.0, 19.0),
        (Progress(phase=Phase.DENOISING, step=1, steps=10), 0.0, 15.0),
        (Progress(phase=Phase.DENOISING, step=10, steps=10, seconds_left=0.0), 0.0, 6.0),
        (Progress(phase=Phase.ENCODING_VIDEO), 0.5, 0.5),
        (Progress(phase=Phase.ENCODING_VIDEO), 60.0, 0.05),
    ],
)
def test_what_is_left(progress: Progress, since: float, left: float):
    assert KNOWN.left(progress, since, loaded=True) == pytest.approx(left)


def test_a_job_that_waits_for_its_model_has_to_load_it():
    assert KNOWN.left(Progress(), 0, loaded=False) == pytest.approx(61)


def test_the_jobs_own_pace_wins_as_it_goes_on():
    def at(step: int) -> float:
        own = Progress(phase=Phase.DENOISING, step=step, steps=10, seconds_left=2.0 * (10 - step))
        return KNOWN.left(own, 0, loaded=True) - 6.0

    assert at(2) == pytest.approx(0.4 * 16 + 0.6 * 8)
    assert at(9) == pytest.approx(0.75 * 2 + 0.25 * 1)


def place(job_id: str, seconds: float | None, state: JobState = JobState.QUEUED) -> Place:
    return Place(job_id, (state, None, None), seconds, seconds)


def left(line: Line) -> list[float | None]:
    return [eta and eta.seconds_left for eta in line.etas.values()]


def test_a_job_waits_for_those_before_it():
    line = line_up([place("a", 10, JobState.RUNNING), place("b", 20), place("c", 30)])
    assert left(line) == [10, 30, 60]
    assert line.seconds == 60


def test_behind_an_unknown_job_nothing_is_known():
    line = line_up([place("a", 10, JobState.RUNNING), place("b", None), place("c", 30)])
    assert left(line) == [10, None, None]
    assert line.seconds is None
    assert line_up([]).seconds == 0


def test_without_a_reason_no_figure_grows():
    before = line_up([place("a", 10, JobState.RUNNING), place("b", 20)])
    slower = line_up([place("a", 15, JobState.RUNNING), place("b", 40)])
    assert left(settled(slower, before)) == [10, 30]
    faster = line_up([place("a", 5, JobState.RUNNING), place("b", 20)])
    assert left(settled(faster, before)) == [5, 25]


def test_a_reason_counts_for_all_behind_it():
    before = line_up([place("a", 10, JobState.RUNNING), place("c", 20)])
    overtaken = line_up([place("a", 15, JobState.RUNNING), place("b", 5), place("c", 20)])
    assert left(settled(overtaken, before)) == [10, 20, 40]
    again = line_up([place("a", 50), place("c", 20)])
    assert left(settled(again, before)) == [50, 70]


@pytest.mark.parametrize("left", [12.5, None])
@pytest.mark.parametrize("states", [[], ["running", "queued"], ["queued", "queued", "queued"]])
def test_one_more_at_the_end_is_as_if_all_had_lined_up_again(
    states: list[str], left: float | None
) -> None:
    line = [
        Place(str(number), (JobState(state), None, None), 10.0 + number, 20.0)
        for number, state in enumerate(states)
    ]
    last = Place("last", (JobState.QUEUED, None, None), left, 30.0)
    assert line_up(line).joined(last) == line_up([*line, last])
    behind = Place("behind", (JobState.QUEUED, None, None), 1.0, 1.0)
    assert line_up(line).joined(last).joined(behind) == line_up([*line, last, behind])
