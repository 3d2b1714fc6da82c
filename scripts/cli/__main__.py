"""``python -m scripts.cli``."""

from scripts.cli.main import main

main()
