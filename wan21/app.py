"""``python -m wan21.app``: the service."""

from common.service import serve

if __name__ == "__main__":
    serve("wan21.model_config:SPEC")
