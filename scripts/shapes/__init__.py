"""Coloured shapes that move: a set of clips that a small model is trained on, and measured against.

Every picture is drawn by a formula, so what was asked for, what was drawn and what was found can be
compared exactly. The weights that were trained on it lie in ``weights``.
"""
