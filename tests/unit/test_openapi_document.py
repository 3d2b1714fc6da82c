"""The description of the API, asked for by several threads at once."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

from fastapi import FastAPI

from common.api.door.openapi import describe_once


def test_nobody_sees_it_before_it_is_complete() -> None:
    app, begun, go_on, built = FastAPI(), Event(), Event(), []

    def complete() -> dict[str, Any]:
        document: dict[str, Any] = {"paths": {}}
        built.append(document)
        begun.set()
        assert go_on.wait(60)
        document["paths"]["/generate"] = {}
        return document

    app.openapi = complete  # type: ignore[method-assign]
    describe_once(app)
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(app.openapi)
        assert begun.wait(60)
        second = threads.submit(app.openapi)
        go_on.set()
        assert first.result(60) is second.result(60) is built[0]
    assert len(built) == 1
