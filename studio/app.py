"""``python -m studio.app``: the service."""

from common.service import serve

if __name__ == "__main__":
    serve("studio.model_config:SPEC")
