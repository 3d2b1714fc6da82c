"""What everything stands on: settings, errors, logs, locks, threads. Knows no job and no model."""
