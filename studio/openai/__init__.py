"""OpenAI's Audio API, as far as it listens: the same jobs below ``/v1/audio``."""
