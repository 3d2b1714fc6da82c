"""Named looks of an edit."""
