"""The process that holds the model and makes jobs, one after another."""
