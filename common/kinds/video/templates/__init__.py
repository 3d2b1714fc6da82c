"""Prompts with places left open."""
