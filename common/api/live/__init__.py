"""What happens, as it happens: streams of events, and looks at what is being made."""
