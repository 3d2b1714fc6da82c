"""What the API process does beside answering: its server, its guard, its neighbours."""
