"""Files and their life: drafts, published folders, previews, uploads, volumes."""
