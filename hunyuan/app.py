"""``python -m hunyuan.app``: the service."""

from common.service import serve

if __name__ == "__main__":
    serve("hunyuan.model_config:SPEC")
