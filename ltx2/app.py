"""``python -m ltx2.app``: the service."""

from common.service import serve

if __name__ == "__main__":
    serve("ltx2.model_config:SPEC")
