"""For `python -m dreamrl.cli`, where the command is not installed."""

import sys

from dreamrl.cli import main

sys.exit(main())
