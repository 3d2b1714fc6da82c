"""Bytes for people."""

GIB = 1024**3
MIB = 1024**2


def in_gb(count: float) -> str:
    """``31.2 GB``; below a tenth of that, ``92 MB``."""
    return f"{count / GIB:.1f} GB" if count >= GIB / 10 else f"{count / MIB:.0f} MB"
