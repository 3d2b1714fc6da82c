"""What everything stands on: settings, errors, logs, locks, disks, clocks, bounded children."""
