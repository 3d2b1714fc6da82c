"""Listening: from sound to what was said and when."""
