"""What every test folder shares: the tests' own modules are importable by name, and the build draws no lots."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from hypothesis import settings

sys.path.insert(0, str(Path(__file__).parent))

# The build tries the same examples each time; everybody else's runs go on looking for new ones.
settings.register_profile("build", derandomize=True, print_blob=True)
if os.environ.get("CI") == "true":
    settings.load_profile("build")
