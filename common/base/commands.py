"""Commands of ours, as messages tell an operator to type them."""


def typed(command: str) -> str:
    """``restore wan21`` or its like, on this machine and in containers.

    The images do without the CLI's packages, and what is on the volumes is seen only there.
    """
    name, model_id, *rest = command.split()
    module = " ".join(["python -m", f"scripts.{name}", model_id, *rest])
    return f"videosdgx {command} (in containers: docker compose run --rm {model_id} {module})"
