"""Volumes that are full, read-only, gone or frozen for some seconds: state or outputs."""

from dataclasses import dataclass, field

from tests.chaos.ground import Ground
from tests.chaos.volume import Volume

SECONDS = (2.0, 4.0)


@dataclass
class _OnVolume:
    """Hits one volume, and heals it."""

    ground: Ground
    _hit: Volume | None = field(default=None, init=False)

    def can(self) -> bool:
        return bool(self.ground.volumes)

    def strike(self) -> float | None:
        which = self.ground.chance.choice(sorted(self.ground.volumes))
        seconds = self.ground.chance.uniform(*SECONDS)
        self.ground.ledger.tell(f"  {which}, {seconds:.1f} s")
        self._hit = self.ground.volumes[which]
        self.harm(self._hit, seconds)
        return seconds

    def harm(self, volume: Volume, seconds: float) -> None:
        raise NotImplementedError

    def heal(self) -> None:
        if self._hit is not None:
            self._hit.heal()


class Full(_OnVolume):
    """No byte more."""

    name = "full"

    def harm(self, volume: Volume, seconds: float) -> None:
        volume.fill()


class ReadOnly(_OnVolume):
    """Nothing more can be opened for writing."""

    name = "read-only"

    def harm(self, volume: Volume, seconds: float) -> None:
        volume.forbid_writing()


class Gone(_OnVolume):
    """The service's folder is somewhere else."""

    name = "gone"

    def harm(self, volume: Volume, seconds: float) -> None:
        volume.rename(self.ground.service.state.name)


class Frozen(_OnVolume):
    """Writers wait, and cannot even be killed (``fsfreeze``)."""

    name = "frozen"

    def can(self) -> bool:
        return super().can() and all(v.kind == "ext4" for v in self.ground.volumes.values())

    def harm(self, volume: Volume, seconds: float) -> None:
        volume.freeze(seconds)
