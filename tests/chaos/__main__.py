"""``python -m tests.chaos --jobs 200 --seed 1``: kill the service at random, count what is left."""

import argparse
import random
import sys

from tests.chaos import four
from tests.chaos.run import run


def main() -> int:
    """Run once; answers the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--jobs", type=int, default=200)
    parser.add_argument("--four", action="store_true", help="four services on one small pool")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    arguments = parser.parse_args()
    if arguments.four:
        shared = four.run(arguments.jobs, arguments.seed)
        print(shared.table())
        return 1 if shared.violations else 0
    account = run(arguments.jobs, arguments.seed)
    print(account.table())  # a command line tool
    if account.violations:
        print(account.log, f"\nAgain: --jobs {arguments.jobs} --seed {account.seed}")
    return 1 if account.violations else 0


if __name__ == "__main__":
    sys.exit(main())
