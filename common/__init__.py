"""What every model service shares: API, job store, worker, media. Names no model."""

__version__ = "0.1.0"
