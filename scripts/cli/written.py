"""Fields of a request that somebody has written into a file."""

from pathlib import Path

import yaml

from scripts.cli.client import Json
from scripts.cli.errors import WRONG, CliError


def read_fields(file: Path | None, param: str, what: str = "fields") -> Json:
    """The object in a file of YAML, or of JSON, which is YAML too; nothing where there is no file.

    Raises:
        CliError: it cannot be read, or holds something else.
    """
    if file is None:
        return {}
    try:
        body = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as exc:
        raise CliError(f"{file}: {exc.strerror}.", status=WRONG, param=param) from exc
    except (yaml.YAMLError, UnicodeDecodeError) as exc:
        raise CliError(f"{file} is neither YAML nor JSON.", status=WRONG, param=param) from exc
    if not isinstance(body, dict):
        raise CliError(f"{file} holds no object with {what}.", status=WRONG, param=param)
    return body
