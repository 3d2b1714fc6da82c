"""Services with settings of their own."""

from pathlib import Path
from typing import Any

from tests.live import LiveService


class Fleet:
    """The services that one test started."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.services: list[LiveService] = []

    def prepare(self, *, folder: Path | None = None, **settings: Any) -> LiveService:
        """A service that does not run yet; in a folder of its own, or in the one given."""
        place = folder or self.folder / f"service-{len(self.services)}"
        service = LiveService(place, **settings)
        self.services.append(service)
        return service

    def start(self, **settings: Any) -> LiveService:
        """A service that answers."""
        return self.prepare(**settings).start()

    def close(self) -> None:
        for service in self.services:
            service.close()
