"""Texts from words: a kind of work, its page and a model of it, all in this folder. No torch."""
