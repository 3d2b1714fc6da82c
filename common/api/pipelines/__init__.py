"""Several jobs of several services, one after the other, followed as one."""
