"""Pictures, videos and sound: read from strangers, and written."""
