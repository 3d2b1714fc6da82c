"""Videos from words, pictures and videos."""
