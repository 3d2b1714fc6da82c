"""One run of ffmpeg over files that strangers sent: bounded, watched, and whole or not at all."""
