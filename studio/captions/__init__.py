"""Captions: what was said and when, read from and written to the formats that players know."""
