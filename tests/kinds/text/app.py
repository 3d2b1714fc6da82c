"""The texts' service: ``python -m tests.kinds.text.app``."""

from common.service import serve

if __name__ == "__main__":
    serve("tests.kinds.text.model_config:SPEC")
