"""What stands between the socket and a route: connections, bytes, turns, headers, errors."""
