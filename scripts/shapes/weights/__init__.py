"""The small models that were trained on the set, each as its published one lies on the hub.

``SHA256SUMS`` in each names its files; docs/shapes.md says how they came to be.
"""

import shutil
from functools import partial
from pathlib import Path

from scripts.tiny import publish
from waver.variants import TI2V_5B

HERE = Path(__file__).parent
SUMS = "SHA256SUMS"
REPOSITORIES = {"waver": TI2V_5B.checkpoint}
"""By service: whose place they take."""
MODELS = tuple(name for name in REPOSITORIES if (HERE / name / SUMS).is_file())
"""The services that have one."""
KIND = "tiny-shapes-"


def install(model: str, models_dir: Path) -> Path:
    """Put a service's small model into the hub cache; answer the snapshot's folder.

    Raises:
        FileExistsError: the real checkpoint is there; it is never replaced.
    """
    source = HERE / model
    copy = partial(shutil.copytree, source, dirs_exist_ok=True)
    return publish(models_dir, REPOSITORIES[model], source / SUMS, copy, force=False, kind=KIND)
