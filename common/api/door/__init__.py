"""What stands between the socket and a route: connections, bytes, deadlines, and what is parsed."""
