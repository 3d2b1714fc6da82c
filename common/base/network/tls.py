"""Whom this service trusts when it calls somebody: the machine's own list, and certifi's."""

import ssl

import certifi


def client_context() -> ssl.SSLContext:
    """Reading both lists takes some milliseconds: who calls often keeps it."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context
