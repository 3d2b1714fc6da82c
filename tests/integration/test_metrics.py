"""``/metrics`` for people and for Prometheus."""

from prometheus_client.parser import text_string_to_metric_families

from tests.live import LiveService, wait_until

PROMETHEUS = (
    "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1"
)


def test_prometheus_gets_its_own_format(service: LiveService):
    service.finish()
    text = service.client.get("/metrics", headers={"Accept": "text/plain"}).text
    families = {family.name: family for family in text_string_to_metric_families(text)}
    ended = {s.labels["state"]: s.value for s in families["videosdgx_jobs_ended"].samples}
    assert ended["completed"] >= 1
    (total,) = families["videosdgx_pool_total_bytes"].samples
    assert total.value == service.get("/info")["pool"]["total_bytes"]
    (loaded,) = families["videosdgx_model_loaded"].samples
    assert (loaded.labels, loaded.value) == ({"model": "toy"}, 1)


def test_the_header_that_prometheus_really_sends(service: LiveService):
    answer = service.client.get("/metrics", headers={"Accept": PROMETHEUS})
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert answer.text.endswith("# EOF\n")


def test_everybody_else_gets_json(service: LiveService):
    assert service.get("/metrics")["total_inferences"] >= 0


def scrape(service: LiveService) -> dict[tuple[str, frozenset[str]], float]:
    """Every sample, by its name and the values of its labels."""
    text = service.client.get("/metrics", headers={"Accept": "text/plain"}).text
    samples = [one for family in text_string_to_metric_families(text) for one in family.samples]
    return {(s.name, frozenset(s.labels.values())): s.value for s in samples}


def test_jobs_phases_steps_waits_and_loads_are_told(service: LiveService):
    broken = service.submit(options={"raise_at": "denoising"})
    service.wait_for(broken, "failed")
    before = scrape(service)
    service.finish(num_inference_steps=3, options={"step_seconds": 0.1})
    service.finish()
    wait_until(lambda: service.get("/ready")["model_loaded"], what="the model is loaded")
    after = scrape(service)

    def grown(name: str, *labels: str) -> float:
        key = (f"videosdgx_{name}", frozenset(("toy", *labels)))
        return after[key] - before.get(key, 0)

    assert after[("videosdgx_jobs_ended_total", frozenset(("toy", "failed", "generation_failed")))]
    assert grown("phase_seconds_count", "denoising") >= 2
    assert grown("phase_seconds_sum", "denoising") > 0.2
    assert grown("step_seconds_count") >= 3
    assert grown("wait_seconds_count") == 2
    assert grown("load_seconds_count") >= 1, "the broken worker was replaced"
    assert grown("queue_oldest_seconds") == 0
    assert grown("http_seconds_count", "POST", "/generate", "202") == 2
    assert after[("videosdgx_webhooks_pending", frozenset(("toy",)))] == 0


def test_http_is_told_by_template_and_without_streams(service: LiveService):
    job = service.finish()
    assert service.client.get(f"/jobs/{job['id']}/events").status_code == 200
    assert service.client.get("/no/such/path").status_code == 404
    told = {labels for name, labels in scrape(service) if name == "videosdgx_http_seconds_count"}
    assert frozenset(("toy", "GET", "/jobs/{job_id}", "200")) in told
    assert frozenset(("toy", "GET", "none", "404")) in told
    assert not [labels for labels in told if any("events" in v for v in labels) and "200" in labels]
    assert not [labels for labels in told if any(job["id"] in value for value in labels)]
