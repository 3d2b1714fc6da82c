"""Programs that the kernel holds to limits from their first moment on."""

import resource
from collections.abc import Mapping, Sequence

_LIMITS = {
    resource.RLIMIT_AS: "as",
    resource.RLIMIT_CORE: "core",
    resource.RLIMIT_CPU: "cpu",
    resource.RLIMIT_DATA: "data",
    resource.RLIMIT_FSIZE: "fsize",
    resource.RLIMIT_NOFILE: "nofile",
}
"""What prlimit(1) calls them."""


def held(command: Sequence[str], limits: Mapping[int, int]) -> list[str]:
    """The same command, held to ``limits`` from its first moment on, where ours are not narrower.

    prlimit(1) sets them and becomes the command. Set from here, they would come after it began:
    on a busy machine a good while.

    Args:
        command: whose program is found by PATH, or absolute.
        limits: by the resources of setrlimit(2) that ``_LIMITS`` names.
    """
    options = [f"--{_LIMITS[kind]}={_not_above_ours(kind, most)}" for kind, most in limits.items()]
    return [*(["prlimit", *options, "--"] if options else []), *command]


def _not_above_ours(kind: int, most: int) -> int:
    _, hard = resource.getrlimit(kind)
    return most if hard == resource.RLIM_INFINITY else min(most, hard)
