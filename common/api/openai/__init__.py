"""What all of OpenAI's APIs below ``/v1`` have in common, whatever a kind answers there."""
