"""What monitoring sees: metrics and traces."""
