"""The OpenAI Videos API: the same jobs below ``/v1``."""
