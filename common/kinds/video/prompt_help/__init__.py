"""Prompts that are rewritten in more detail, for requests that ask for it."""
