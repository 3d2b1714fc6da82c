"""``POST /video/img2vid``: pictures become a film, or a clip each."""
