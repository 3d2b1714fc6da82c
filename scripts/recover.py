"""Finished videos back into the job table, without a running service.

``python -m scripts.recover [MODEL ...]``, which needs nothing but what a service does: it works in
its container too. ``videosdgx recover`` is the same.
"""

import argparse
import sys
from collections.abc import Sequence

from common.base.errors import ModelNotFound, VideosDGXError
from common.base.privacy import keep_private
from common.base.settings import load_settings
from common.contract import ModelSpec
from common.contract.finding import load_spec
from common.jobs.opening import open_store
from common.publishing.storage import Storage
from common.publishing.sweep import Swept, sweep_outputs
from common.service import join_outputs, locked
from scripts.services import MODELS, spec_address


def main(arguments: Sequence[str] | None = None) -> None:
    """Recover, or end with status 1 and the reason."""
    parser = argparse.ArgumentParser(prog="python -m scripts.recover", description=__doc__)
    parser.add_argument("models", nargs="*", metavar="MODEL", help="all when left out")
    parser.add_argument(
        "--adopt", action="store_true", help="also where the outputs are another database's"
    )
    asked = parser.parse_args(arguments)
    try:
        found = recover_all(asked.models, adopt=asked.adopt)
    except VideosDGXError as exc:
        sys.exit(exc.body.in_full)
    for model, swept in found.items():
        print(what_was_done(model, swept))


def what_was_done(model: str, swept: Swept) -> str:
    """In words."""
    return f"{model}: {swept.taken_back} taken back, {swept.set_aside} set aside"


def recover_all(models: Sequence[str], *, adopt: bool) -> dict[str, Swept]:
    """Do what a start does, and say what came of it, by model; all of them where none is named.

    Raises:
        VideosDGXError: a service runs, which has done this then; or the outputs belong to another
            database, and ``adopt`` was not given.
    """
    return {model: _recover(model, adopt=adopt) for model in models or MODELS}


def _spec(model_id: str) -> ModelSpec:
    """Of a folder here, or on PYTHONPATH: what its files are is for its kind of work to say."""
    try:
        return load_spec(spec_address(model_id))
    except ModuleNotFoundError as exc:
        hint = f"There are: {', '.join(MODELS)}."
        raise ModelNotFound(f"There is no service {model_id}.", hint=hint) from exc


def _recover(model_id: str, *, adopt: bool) -> Swept:
    spec = _spec(model_id)
    settings = load_settings(model_id)
    keep_private()
    with locked(settings, model_id):
        join_outputs(settings, spec, adopt=adopt)
        store = open_store(settings, spec)
        try:
            return sweep_outputs(store, Storage(settings.outputs_of(model_id), spec.kind.files))
        finally:
            store.close()


if __name__ == "__main__":
    main()
