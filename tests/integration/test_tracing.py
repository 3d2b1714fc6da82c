"""One trace a job, from the client's own span to the phases in the worker."""

import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from tests.collector import Collector, collector
from tests.live import ROOT, LiveService, wait_until

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.fixture
def target() -> Iterator[Collector]:
    with collector() as opened:
        yield opened


@pytest.fixture
def traced(tmp_path: Path, target: Collector) -> Iterator[LiveService]:
    service = LiveService(tmp_path, otel_exporter_otlp_endpoint=target.url)
    yield service.start()
    service.close()


def submit(service: LiveService, flags: str = "01", **options: object) -> str:
    headers = {"traceparent": f"00-{TRACE}-{PARENT}-{flags}"}
    body = {"prompt": "a very private bar", "options": options}
    answer = service.client.post("/generate", json=body, headers=headers)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def attribute(span: Span, name: str) -> str | int | None:
    for one in span.attributes:
        if one.key == name:
            return one.value.string_value or one.value.int_value
    return None


def jobs(target: Collector, count: int = 1) -> list[Span]:
    wait_until(lambda: len(target.named("job")) >= count, what=f"{count} spans of jobs come in")
    return sorted(target.named("job"), key=lambda span: span.start_time_unix_nano)


def test_one_trace_from_the_client_to_the_phases(traced: LiveService, target: Collector):
    job_id = submit(traced, step_seconds=0.1)
    traced.wait_for(job_id, "completed")
    (job,) = jobs(target)
    (post,) = target.named("POST /generate")
    assert (post.trace_id.hex(), post.parent_span_id.hex()) == (TRACE, PARENT)
    assert (job.trace_id, job.parent_span_id) == (post.trace_id, post.span_id)
    assert attribute(post, "http.response.status_code") == 202
    assert attribute(job, "videosdgx.job.id") == job_id
    assert attribute(job, "videosdgx.job.state") == "completed"
    phases = target.below(job)
    assert [span.name for span in phases if span.name != "waiting"] == [
        *("queued", "loading", "encoding_prompt", "denoising", "decoding", "encoding_video")
    ]
    for before, after in pairwise(phases):
        assert before.end_time_unix_nano == after.start_time_unix_nano
    (denoising,) = target.named("denoising")
    seconds = (denoising.end_time_unix_nano - denoising.start_time_unix_nano) / 1e9
    assert seconds == pytest.approx(traced.job(job_id)["result"]["timings"]["denoising"], abs=0.2)
    assert target.services == {"videosdgx-toy"}
    assert "private" not in str(target.spans)


def test_a_killed_worker_leaves_its_part_of_the_trace(traced: LiveService, target: Collector):
    job_id = submit(traced, step_seconds=0.2)
    traced.wait_for(job_id, "denoising")
    traced.kill_worker()
    traced.wait_for(job_id, "completed")
    first, second = jobs(target, 2)
    assert first.trace_id == second.trace_id == bytes.fromhex(TRACE)
    assert first.status.code == Status.STATUS_CODE_ERROR
    assert second.status.code == Status.STATUS_CODE_UNSET
    assert target.below(second)[0].name != "queued"


def test_the_trace_goes_on_after_a_restart(traced: LiveService, target: Collector):
    job_id = submit(traced, step_seconds=0.2)
    traced.wait_for(job_id, "denoising")
    traced.kill()
    traced.restart()
    traced.wait_for(job_id, "completed")
    assert jobs(target)[-1].trace_id.hex() == TRACE


def test_a_failed_job_says_why(traced: LiveService, target: Collector):
    traced.wait_for(submit(traced, raise_at="denoising"), "failed")
    (job,) = jobs(target)
    assert attribute(job, "error.type") == "generation_failed"
    assert "secret inside" not in str(target.spans)


def test_a_client_that_does_not_sample_is_heeded(traced: LiveService, target: Collector):
    traced.wait_for(submit(traced, flags="00"), "completed")
    sampled = submit(traced)
    traced.wait_for(sampled, "completed")
    assert [attribute(span, "videosdgx.job.id") for span in jobs(target)] == [sampled]


def test_a_collector_that_is_away_hinders_nothing(tmp_path: Path):
    service = LiveService(tmp_path, otel_exporter_otlp_endpoint="http://127.0.0.1:9").start()
    try:
        service.finish()
        service.stop()
    finally:
        service.close()


def test_nothing_is_imported_where_it_is_off():
    code = (
        "import sys, common.service; "
        "from common.telemetry.open_tracing import open_tracing; "
        "from common.base.settings.service import Settings; "
        "assert open_tracing(Settings(_env_file=None), 'toy') is None; "
        "own = ('opentelemetry.sdk', 'opentelemetry.exporter'); "  # a library may use the API
        "print([name for name in sys.modules if name.startswith(own)])"
    )
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
