"""Who asks: keys, tokens, cookies, limits for each caller."""
