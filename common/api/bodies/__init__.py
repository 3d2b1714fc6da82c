"""What clients send, read: JSON and forms, bounded, and each request made once."""
