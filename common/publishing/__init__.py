"""Files and their life: drafts, published folders, uploads, volumes."""
