"""Run services on this machine, each as a process of its own, until told to stop.

``python -m scripts.serve [MODEL ...]``. Their settings come from the environment and ``.env``.
"""

import argparse
import asyncio
import contextlib
import os
import secrets
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import Mapping, Sequence

from common.base.settings import SettingsError, load_settings
from common.contract.finding import load_spec
from scripts.services import MODELS, spec_address


def main() -> int:
    """Serve; answers the exit code."""
    names = _parse()
    try:
        for name in names:
            print(f"{name:8} {_url(name)}  (try {_url(name)}/ui)", file=sys.stderr)
    except SettingsError as exc:
        print(exc.body.in_full, file=sys.stderr)
        return 2
    return asyncio.run(serve(names))


async def serve(names: Sequence[str]) -> int:
    """Run the services until a signal comes (0) or one of them ends on its own (1)."""
    stopped, services = asyncio.Event(), dict[str, Process]()
    _listen(stopped, services)
    stack = _stack(names)
    for name in names:
        services[name] = await _start(name, stack | _said(name))
    ends = {asyncio.create_task(service.wait()) for service in services.values()}
    told = asyncio.create_task(stopped.wait())
    await asyncio.wait({told, *ends}, return_when=asyncio.FIRST_COMPLETED)
    dead = {name: s.returncode for name, s in services.items() if s.returncode is not None}
    for name, code in dead.items():
        print(f"{name} ended on its own, with code {code}.", file=sys.stderr)
    await _stop(services, ends)
    told.cancel()
    return 1 if dead else 0


def _listen(stopped: asyncio.Event, services: Mapping[str, Process]) -> None:
    """Stop at a first signal; a further one means "now", and the services are told again.

    But SIGHUP: of a terminal that is gone the shell tells, and the kernel too.
    """

    def told(number: signal.Signals) -> None:
        if stopped.is_set() and number != signal.SIGHUP:
            _terminate(services)
        stopped.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # nohup
            asyncio.get_running_loop().add_signal_handler(number, told, number)


def _stack(names: Sequence[str]) -> dict[str, str]:
    """By what the services find and know each other, where no setting says it."""
    return {
        "SIBLINGS": ",".join(f"{name}=:{_port(name)}" for name in names),
        "STACK_ADDRESSES": ",".join(f"{name}=http://127.0.0.1:{_port(name)}" for name in names),
        "STACK_SECRET": secrets.token_hex(32),
    }


def _said(name: str) -> dict[str, str]:
    """What the settings of a service say of that."""
    settings = load_settings(name)
    secret = settings.stack_secret.get_secret_value() if settings.stack_secret else ""
    said = {
        "SIBLINGS": settings.siblings,
        "STACK_ADDRESSES": settings.stack_addresses,
        "STACK_SECRET": secret,
    }
    return {setting: text for setting, text in said.items() if text}


async def _start(name: str, stack: Mapping[str, str]) -> Process:
    # A process group of its own: Ctrl-C at the terminal must not reach a service twice, since a
    # second one means "now", and a running job would not be drained.
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        f"{name}.app",
        stdin=asyncio.subprocess.DEVNULL,
        process_group=0,
        env={**os.environ, **stack},
    )


async def _stop(services: Mapping[str, Process], ends: set[asyncio.Task[int]]) -> None:
    """Let all drain at the same time. How long that may take is theirs: ``DRAIN_SECONDS``."""
    _terminate(services)
    await asyncio.wait(ends)


def _terminate(services: Mapping[str, Process]) -> None:
    for service in services.values():
        with contextlib.suppress(ProcessLookupError):
            service.terminate()


def _url(name: str) -> str:
    return f"http://{load_settings(name).host}:{_port(name)}"


def _port(name: str) -> int:
    return load_settings(name).port or load_spec(spec_address(name)).port


def _parse() -> Sequence[str]:
    parser = argparse.ArgumentParser(prog="python -m scripts.serve", description=__doc__)
    parser.add_argument("models", nargs="*", metavar="MODEL", help=f"of {', '.join(MODELS)}")
    models: list[str] = parser.parse_args().models or list(MODELS)
    for name in models:
        if name not in MODELS:
            parser.error(f"no such model: {name} (there are {', '.join(MODELS)})")
    return models


if __name__ == "__main__":
    sys.exit(main())
