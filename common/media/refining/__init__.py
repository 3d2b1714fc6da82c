"""What becomes of frames between the model and the file: more of them, and larger ones."""
