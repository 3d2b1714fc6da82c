"""Many jobs by one request, followed as one."""
