"""The routes of jobs and of the service, and what they answer."""
