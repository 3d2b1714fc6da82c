"""What stands between the socket and a route: connections, bytes, deadlines, turns, errors."""
