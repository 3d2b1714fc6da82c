"""``python -m trainer.app``: the service."""

from common.service import serve

if __name__ == "__main__":
    serve("trainer.model_config:SPEC")
