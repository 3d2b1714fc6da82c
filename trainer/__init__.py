"""LoRAs from clips with captions: a kind of work, its page and the service that does it."""
