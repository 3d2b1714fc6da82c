"""The only part of ``common`` that imports torch; only model folders import it."""
