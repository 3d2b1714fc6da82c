"""``python -m tests.chaos --seeds 10``: strike a service in every way, count what is left."""

import argparse
import random
import sys
from pathlib import Path

from tests.chaos import four
from tests.chaos.blows import NAMES
from tests.chaos.run import run


def main() -> int:
    """Run once or several times; answers the exit code."""
    arguments = _arguments()
    if arguments.four:
        shared = four.run(arguments.jobs, arguments.seed)
        print(shared.table())
        return 1 if shared.violations else 0
    if arguments.postgres and not any(Path("/usr/lib/postgresql").glob("*/bin")):
        print("PostgreSQL is not installed: left out")
        return 0
    seeds = range(arguments.seed, arguments.seed + arguments.seeds)
    return max(_once(arguments, seed) for seed in seeds)


def _once(arguments: argparse.Namespace, seed: int) -> int:
    account = run(arguments.jobs, seed, arguments.blows, with_postgres=arguments.postgres)
    print(account.table(), flush=True)  # a command line tool
    if account.violations:
        more = " --postgres" if arguments.postgres else ""
        again = f"--jobs {arguments.jobs} --seed {seed} --blows {','.join(arguments.blows)}{more}"
        print(account.story(), f"\nAgain: python -m tests.chaos {again}", flush=True)
    return 1 if account.violations else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--jobs", type=int, default=60, help="a blow for every four (60)")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--seeds", type=int, default=1, help="runs, with one seed after the other")
    parser.add_argument("--blows", type=_names, default=NAMES, help=", ".join(NAMES))
    parser.add_argument("--postgres", action="store_true", help="on a PostgreSQL of its own")
    parser.add_argument("--four", action="store_true", help="four services on one small pool")
    return parser.parse_args()


def _names(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    if odd := set(names) - set(NAMES):
        raise argparse.ArgumentTypeError(f"{', '.join(odd)}: there are {', '.join(NAMES)}")
    return names


if __name__ == "__main__":
    sys.exit(main())
