"""Kinds of work: what may be asked, what becomes of it, and what is published."""
