"""Pictures from strangers, decoded in a child process that may do very little."""
