"""The table of what is owed a bucket: one of ``common.jobs.schema``'s, in a file of its own."""

from sqlalchemy import Column, Float, Index, Integer, String, Table, Text

from common.jobs.schema import metadata

uploads = Table(
    "uploads",
    metadata,
    Column("job", String(32), primary_key=True),
    Column("model", String(64), nullable=False),
    Column("act", String(16), nullable=False),
    Column("bucket", Text, nullable=False),
    Column("folder", Text, nullable=False),
    # The job's folder in the outputs.
    Column("local", Text, nullable=False),
    Column("next_at", Float, nullable=False),
    Column("attempts", Integer, nullable=False),
    # The file that its request has named, and where that one goes.
    Column("file", Text),
    Column("key", Text),
    Index("uploads_due", "model", "next_at"),
)
"""What is owed a bucket. A row goes when it is done."""
