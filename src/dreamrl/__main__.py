"""For `python -m dreamrl`, where the command is not installed."""

import sys

from dreamrl.cli import main

sys.exit(main())
