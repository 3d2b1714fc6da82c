"""The toy's service: ``python -m tests.toy.app``."""

from common.service import serve

if __name__ == "__main__":
    serve("tests.toy.model_config:SPEC")
