"""``videosdgx recover``: finished videos back into the job table, without a running service."""

from collections.abc import Sequence

from common.base.errors import VideosDGXError
from common.base.privacy import keep_private
from common.base.settings import load_settings
from common.contract import ModelSpec
from common.contract.finding import load_spec
from common.jobs.opening import open_store
from common.publishing.storage import Storage
from common.publishing.sweep import Swept, sweep_outputs
from common.service import join_outputs, locked
from scripts.cli.errors import REFUSED, CliError
from scripts.services import MODELS, spec_address


def recover_all(models: Sequence[str], *, adopt: bool) -> dict[str, Swept]:
    """Do what a start does, and say what came of it, by model; all of them where none is named.

    Raises:
        CliError: a service runs, which has done this then; or the outputs belong to another
            database, and ``adopt`` was not given.
    """
    try:
        return {model: _recover(model, adopt=adopt) for model in models or MODELS}
    except VideosDGXError as exc:
        details = exc.body.model_dump(include={"code", "param", "hint"})
        raise CliError(exc.body.message, status=REFUSED, **details) from exc


def _spec(model_id: str) -> ModelSpec:
    """Of a folder here, or on PYTHONPATH: what its files are is for its kind of work to say."""
    try:
        return load_spec(spec_address(model_id))
    except ModuleNotFoundError as exc:
        known = ", ".join(MODELS)
        hint = f"There are: {known}."
        raise CliError(f"There is no service {model_id}.", status=REFUSED, hint=hint) from exc


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
