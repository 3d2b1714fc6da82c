"""Videos from strangers, opened in a child process that may do very little."""
