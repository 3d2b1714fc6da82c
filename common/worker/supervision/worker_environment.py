"""What a worker finds in its environment: what it reads, and no secret of the door.

It runs the model's libraries on what clients send, and anybody of the same user reads its
environment in ``/proc``. A list of what may pass, since nobody knows what else is set here. Its
only secrets are the database's, the key of prompt help, and where requests may name files in
buckets those of S3: it is the worker that asks there.
"""

import re
from collections.abc import Collection, Mapping

from common.base.settings import Settings
from common.base.settings.auth import AuthSettings
from common.base.settings.page import UiSettings
from common.base.settings.s3 import S3Settings
from common.base.settings.stack import StackSettings
from common.base.settings.tracing import TracingSettings
from common.base.settings.webhooks import WebhookSettings

_OF_THE_API = (
    AuthSettings,
    S3Settings,
    StackSettings,
    TracingSettings,
    UiSettings,
    WebhookSettings,
)
"""Keys, tokens, signatures, collectors: the worker speaks with nobody but the job store,
and with whoever helps with prompts."""
_SAID_OF_JOBS = {"s3_bucket", "s3_prefix"}
"""Where files of what it completes will be brought; by whom, and with which keys, is not its."""
_OF_INPUTS = {
    *("s3_input_buckets", "s3_endpoint_url", "s3_region", "s3_path_style"),
    *("s3_timeout_seconds", "s3_keys", "s3_keys_file"),
}
"""To fetch what requests name in buckets."""
SETTINGS = _SAID_OF_JOBS | (
    frozenset(Settings.model_fields) - {name for part in _OF_THE_API for name in part.model_fields}
)
"""Those that a worker reads."""

_NAMES = frozenset(
    {
        *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "TMPDIR", "TZ", "LANG", "LANGUAGE"),
        *(
            "CC",
            "CXX",
            "VENV",
            "VIRTUAL_ENV",
            "IMAGEIO_FFMPEG_EXE",
            "SSL_CERT_FILE",
            "SSL_CERT_DIR",
        ),
    }
)
_PREFIXES = (
    *("LC_", "LD_", "PYTHON", "MALLOC_", "XDG_"),
    "PG",  # libpq reads what DATABASE_URL leaves out
    *("CUDA", "NVIDIA_", "CUBLAS", "CUDNN", "NCCL_", "TORCH", "PYTORCH_", "TRITON_"),
    *("OMP_", "GOMP_", "KMP_", "MKL_", "OPENBLAS_", "NUMEXPR_", "ONEDNN_", "DNNL_", "ATEN_"),
    *("HF_", "TRANSFORMERS_", "DIFFUSERS_", "TOKENIZERS_", "SAFETENSORS_", "ACCELERATE_", "BNB_"),
)
_SECRET = re.compile(r"(^|_)(TOKEN|SECRET|PASSWORD|KEY)(_|$)")
"""Nor, among those, the hub's token: a worker loads what is on disk. PGPASSWORD is needed."""


_USUAL = {"OMP_WAIT_POLICY": "PASSIVE"}
"""Where nothing else is set. torch's threads spin while they wait for each other; where another
process has one of their cores, all the others spin for as long as it runs."""


def worker_environment(
    model_id: str, environment: Mapping[str, str], *, reads_buckets: bool = False
) -> dict[str, str]:
    """The part of a service's environment that the worker of one model gets.

    ``reads_buckets``: requests may name files in some.
    """
    read = SETTINGS | _OF_INPUTS if reads_buckets else SETTINGS
    passed = {
        name: value for name, value in environment.items() if _passes(name.upper(), model_id, read)
    }
    return _USUAL | passed


def _passes(name: str, model_id: str, read: Collection[str]) -> bool:
    own = f"{model_id.upper()}_"
    setting = name.removeprefix(own).lower()
    if setting in Settings.model_fields:
        return setting in read
    listed = name in _NAMES or name.startswith((*_PREFIXES, own))
    return listed and not _SECRET.search(name)
