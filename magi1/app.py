"""``python -m magi1.app``: the service."""

from common.service import serve

if __name__ == "__main__":
    serve("magi1.model_config:SPEC")
