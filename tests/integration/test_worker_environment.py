"""Secrets in a worker's environment: it gets what it reads, by name, and nothing else."""

from base64 import b64encode
from pathlib import Path

from common.api.auth.caller import Scope
from common.api.auth.keys import line_for
from common.worker.supervision.worker_environment import worker_environment
from tests.integration.fleet import Fleet

WORD = "walrus"
WEBHOOK_SECRET = f"whsec_{b64encode(bytes(32)).decode()}"
ODD = {
    "aws_secret_access_key": WORD,
    "http_proxy": f"http://me:{WORD}@proxy.invalid",
    "hf_token": WORD,
    "hf_token_path": f"/run/secrets/{WORD}",
    "toy_jwt_secret": WORD * 8,
    "stack_secret": WORD * 8,
    "somebodys_setting": WORD,
    "otel_exporter_otlp_headers": f"authorization={WORD}",
}


def environment_of(pid: int | None) -> dict[str, str]:
    text = Path(f"/proc/{pid}/environ").read_text()
    return dict(one.partition("=")[::2] for one in text.split("\0") if one)


def test_a_worker_sees_no_secret_of_its_service(fleet: Fleet):
    """A real worker's /proc/PID/environ, where each kind of secret is set for its service."""
    key = "vdgx_walrus"
    service = fleet.prepare(
        api_keys=line_for("ana", Scope.ADMIN, key),
        webhook_secret=WEBHOOK_SECRET,
        jwt_issuer="me",
        webhooks_allowed=1,
        toy_preview_every=1,
        omp_num_threads=1,
        **ODD,
    )
    service.by_exec().start()
    service.client.headers["X-API-Key"] = key
    service.finish()
    found = environment_of(service.worker_pid())
    own = environment_of(service.process.pid)
    assert WORD in str(own), "the service itself has them"
    for hidden in (WORD, WEBHOOK_SECRET, "sha256:", "API_KEYS", "JWT_ISSUER"):
        assert hidden not in str(found), hidden
    needed = {"PATH", "STATE_DIR", "OUTPUTS_DIR", "MODELS_DIR", "TOY_PREVIEW_EVERY"}
    assert needed | {"OMP_NUM_THREADS", "PYTHONPATH", "COMPUTE_DTYPE"} <= set(found)


def test_what_passes():
    passed = {
        *("DATABASE_URL", "PGPASSWORD", "database_url", "WAN21_QUANTIZATION", "LC_ALL", "TZ"),
        *("CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES", "HF_HUB_OFFLINE", "LD_LIBRARY_PATH"),
        *(
            "PYTORCH_CUDA_ALLOC_CONF",
            "TORCHINDUCTOR_CACHE_DIR",
            "HOME",
            "BACKUP_DIR",
            "S3_BUCKET",
            "WAN21_S3_PREFIX",
            "TOKENIZERS_PARALLELISM",
            "WAN21_PROMPT_HELP_URL",
            "PROMPT_HELP_API_KEY",
        ),
    }
    kept = {
        *("API_KEYS", "API_KEYS_FILE", "WAN21_API_KEYS", "JWT_SECRET", "JWT_SECRET_FILE"),
        *("WEBHOOK_SECRET", "WAN21_WEBHOOK_SECRET_FILE", "HF_TOKEN", "HF_TOKEN_PATH", "LTX2_PORT"),
        *("HUGGING_FACE_HUB_TOKEN", "HTTPS_PROXY", "AWS_SESSION_TOKEN", "OPENAI_API_KEY"),
        *("OTEL_EXPORTER_OTLP_ENDPOINT", "WAN21_OWN_PASSWORD"),
        *("S3_KEYS", "WAN21_S3_KEYS", "S3_KEYS_FILE", "S3_ENDPOINT_URL"),
    }
    found = worker_environment("wan21", dict.fromkeys(passed | kept, "x"))
    assert set(found) == passed | {"OMP_WAIT_POLICY"}


def test_keys_of_s3_pass_where_requests_may_name_files_in_buckets():
    said = dict.fromkeys(("S3_KEYS_FILE", "STUDIO_S3_INPUT_BUCKETS", "S3_DOWNLOADS"), "x")
    found = worker_environment("studio", said, reads_buckets=True)
    assert set(found) == {"S3_KEYS_FILE", "STUDIO_S3_INPUT_BUCKETS", "OMP_WAIT_POLICY"}


def test_threads_do_not_spin_unless_they_are_told_to():
    assert worker_environment("wan21", {})["OMP_WAIT_POLICY"] == "PASSIVE"
    told = worker_environment("wan21", {"OMP_WAIT_POLICY": "ACTIVE"})
    assert told["OMP_WAIT_POLICY"] == "ACTIVE"
