"""``python -m waver.app``: the service."""

from common.service import serve

if __name__ == "__main__":
    serve("waver.model_config:SPEC")
