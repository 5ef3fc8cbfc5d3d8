"""``python -m tlkit`` is the command ``tlkit``."""

import sys

from tlkit.command.main import main

if __name__ == "__main__":
    sys.exit(main())
