"""Entry point of ``python -m eval_suite``."""

import sys

from eval_suite.cli import main

if __name__ == "__main__":
    sys.exit(main())
