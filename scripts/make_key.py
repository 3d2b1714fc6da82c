"""Make an API key: ``python -m scripts.make_key NAME [--admin] >> secrets/api_keys``.

The key goes to the terminal, this once: only its hash is kept. Its line for API_KEYS_FILE goes to
the standard output.
"""

import argparse
import sys

from common.api.auth.caller import Scope
from common.api.auth.keys import line_for, new_key


def main() -> None:
    """Print both; exit status 2 for a name that cannot be one."""
    parser = argparse.ArgumentParser(prog="python -m scripts.make_key", description=__doc__)
    parser.add_argument("name", metavar="NAME", help="whose jobs they are")
    parser.add_argument("--admin", action="store_true", help="sees all jobs, loads and unloads")
    arguments = parser.parse_args()
    key = new_key()
    try:
        line = line_for(arguments.name, Scope.ADMIN if arguments.admin else Scope.USER, key)
    except ValueError as exc:
        parser.error(f"NAME: {exc}")
    print(f"The key of {arguments.name}, shown only now: {key}", file=sys.stderr)
    print(line)


if __name__ == "__main__":
    main()
