"""The process that holds the model and makes jobs; in ``supervision`` who looks after it."""
