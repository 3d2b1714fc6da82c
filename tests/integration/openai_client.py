"""The official client, unchanged, on a service of ours."""

from collections.abc import Iterator
from contextlib import contextmanager

from openai import DefaultHttpxClient, OpenAI

from tests.live import LiveService


@contextmanager
def openai_client(service: LiveService) -> Iterator[OpenAI]:
    """As a user makes it, but for proxies of the machine and for patience."""
    http = DefaultHttpxClient(trust_env=False)
    address = f"{service.url}/v1"
    with OpenAI(base_url=address, api_key="any", max_retries=0, http_client=http) as client:
        yield client
