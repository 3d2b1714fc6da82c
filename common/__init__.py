"""What every model service shares, a room a folder: docs/ARCHITECTURE.md. Names no model."""

__version__ = "0.1.0"
