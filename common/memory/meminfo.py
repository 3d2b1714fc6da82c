"""Reads ``/proc/meminfo`` and the limits of cgroups: texts in, bytes out."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

KIB = 1024


class Unreadable(Exception):
    """A source gives no usable figures; the text says in words which and why, without numbers."""


@dataclass(frozen=True)
class Meminfo:
    """What the kernel says of the machine's memory."""

    total_bytes: int
    available_bytes: int
    """What can be had without swapping: free pages and what the kernel can drop at once."""
    swap_free_bytes: int
    huge_pages: int
    huge_pages_free: int
    huge_page_bytes: int


def parse_meminfo(text: str) -> Meminfo:
    """Read the text of ``/proc/meminfo`` (man 5 proc_meminfo); its "kB" are KiB.

    Raises:
        Unreadable: MemTotal or MemAvailable (Linux has it since 3.14) is missing, or no number.
    """
    fields = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    try:
        return Meminfo(
            total_bytes=_number(fields["MemTotal"]) * KIB,
            available_bytes=_number(fields["MemAvailable"]) * KIB,
            swap_free_bytes=_number(fields.get("SwapFree", "0")) * KIB,
            huge_pages=_number(fields.get("HugePages_Total", "0")),
            huge_pages_free=_number(fields.get("HugePages_Free", "0")),
            huge_page_bytes=_number(fields.get("Hugepagesize", "0")) * KIB,
        )
    except (KeyError, ValueError, IndexError) as exc:
        raise Unreadable("/proc/meminfo has no usable MemTotal and MemAvailable") from exc


def _number(value: str) -> int:
    return int(value.split()[0])


def read_text(path: Path) -> str:
    """The text of a small file of the kernel's.

    Raises:
        Unreadable: it is not there, or may not be read.
    """
    try:
        return path.read_text()
    except OSError as exc:
        raise Unreadable(f"{path.name} cannot be read") from exc


@dataclass(frozen=True)
class Room:
    """What one cgroup may hold, and what it can still take."""

    limit_bytes: int
    available_bytes: int


@dataclass(frozen=True)
class Names:
    """How a cgroup version calls things."""

    limit: str
    usage: str
    reclaimable: str
    """Line of ``memory.stat``: file pages of the whole subtree that nobody used lately."""


V1 = Names("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
V2 = Names("memory.max", "memory.current", "inactive_file")


@dataclass(frozen=True)
class Cgroup:
    """One folder of the memory controller (kernel.org, admin-guide/cgroup-v2 and cgroup-v1)."""

    folder: Path
    names: Names

    def room(self) -> Room | None:
        """The limit and what is left below it; None where there is no limit.

        Without a limit version 2 says "max", and version 1 a number beyond any machine.

        Raises:
            Unreadable: its files are gone or not as expected.
        """
        limit = read_text(self.folder / self.names.limit).strip()
        if limit == "max":
            return None
        usage = read_text(self.folder / self.names.usage)
        stat = read_text(self.folder / "memory.stat")
        try:
            held = max(0, int(usage) - reclaimable_bytes(stat, self.names.reclaimable))
            return Room(int(limit), max(0, int(limit) - held))
        except ValueError as exc:
            raise Unreadable(f"the cgroup's {self.names.limit} is not a number") from exc


def reclaimable_bytes(stat: str, name: str) -> int:
    """One line of ``memory.stat``, in bytes; 0 where it is missing.

    Raises:
        ValueError: the line has no number.
    """
    for line in stat.splitlines():
        key, _, value = line.partition(" ")
        if key == name:
            return int(value)
    return 0


def find_cgroups(membership: str, root: Path) -> tuple[Cgroup, ...]:
    """All cgroups whose limits hold for a process: its own and those above.

    ``membership`` is the text of ``/proc/self/cgroup``. In a container its path may be the
    host's, of which only the mount's root is visible; that root is then the container's own.
    """
    found: list[Cgroup] = []
    for line in membership.splitlines():
        _, controllers, path = line.split(":", 2)
        if "memory" in controllers.split(","):
            found += _visible(root / "memory", path, V1)
        elif controllers == "":
            found += _visible(root, path, V2)
    return tuple(found)


def _visible(root: Path, path: str, names: Names) -> Iterator[Cgroup]:
    steps = PurePosixPath(path).parts[1:]
    if ".." in steps:  # seen from another cgroup namespace
        steps = ()
    for depth in range(len(steps), -1, -1):
        folder = root.joinpath(*steps[:depth])
        if (folder / names.limit).is_file():
            yield Cgroup(folder, names)
