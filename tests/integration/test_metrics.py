"""``/metrics`` for people and for Prometheus."""

from prometheus_client.parser import text_string_to_metric_families

from tests.live import LiveService

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
