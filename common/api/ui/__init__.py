"""The page for people, and the reference of the API: files, sent as they are."""
