"""Who a request's share of something is taken from."""

from starlette.types import Scope

from common.api.auth.caller import Caller


def who(scope: Scope) -> str:
    """By what a caller is told from others: the name of a key or token, or else the address."""
    caller = scope.get("state", {}).get("caller")
    name = caller.name.strip() if isinstance(caller, Caller) else ""
    return f"name {name}" if name else f"address {address(scope)}"


def address(scope: Scope) -> str:
    """Where a request came from, as far as the server knows."""
    client = scope.get("client")
    return client[0] if client else ""
