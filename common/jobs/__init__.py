"""The job table: accepted, claimed, ended, never lost; and what is learnt of it and told."""
