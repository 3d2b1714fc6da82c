"""Settings about how long finished files stay: for ever, where they are left empty."""

from pydantic import Field
from pydantic_settings import BaseSettings


class RetentionSettings(BaseSettings):
    """Inherited by ``Settings``. What somebody keeps (`POST /jobs/{id}/keep`) stays in any case."""

    keep_days: float | None = Field(None, gt=0)
    """Files of a job that ended longer ago go. Empty: age does not matter."""
    keep_jobs: int | None = Field(None, ge=1)
    """A service has files of so many jobs; the oldest go. Empty: their number does not matter."""
    keep_gb: float | None = Field(None, gt=0)
    """A service's files take so much; the oldest go. Empty: their size does not matter."""
    keep_gb_per_owner: float | None = Field(None, gt=0)
    """The files of each key's owner take so much; their oldest go."""
    keep_free_gb: float | None = Field(None, gt=0)
    """The oldest files go where less is free on the outputs volume. More than MIN_FREE_DISK_GB, and
    no job waits for room as long as there is something to remove."""
    retention_seconds: float = Field(10, gt=0)
    """So often it is looked."""

    @property
    def retains(self) -> bool:
        """Whether files stay for ever."""
        limits = (self.keep_days, self.keep_jobs, self.keep_gb)
        return all(limit is None for limit in (*limits, self.keep_gb_per_owner, self.keep_free_gb))
