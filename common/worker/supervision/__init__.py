"""The API process's side of a worker: starts, wakes, watches and ends it."""
