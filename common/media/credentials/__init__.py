"""Content credentials: what a file says of its making, signed, by C2PA (https://c2pa.org)."""
