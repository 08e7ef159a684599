"""The stored BFCP messages: octets, and what they say."""

from __future__ import annotations

import json
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "vectors" / "bfcp"
NAMES = sorted(path.stem for path in FOLDER.glob("*.hex"))
OCTETS = {name: bytes.fromhex((FOLDER / f"{name}.hex").read_text()) for name in NAMES}
SAID = {name: json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8")) for name in NAMES}
