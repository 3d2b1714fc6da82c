"""The memory pool that all services of a machine share."""
