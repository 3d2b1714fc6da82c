"""The job table: accepted, claimed, ended, and never lost."""
