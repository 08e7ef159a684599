"""The stored MIKEY messages: one complete run of mode 1 without forking, and the Transfer of one with forking."""

from __future__ import annotations

from pathlib import Path

VECTORS = Path(__file__).parent / "vectors" / "mikey"
RUN = ("request-init-psk", "request-resp", "transfer-init", "resolve-init-psk", "resolve-resp", "transfer-resp")
FORKING = ("forking-transfer-init", "forking-transfer-resp")


def stored(name: str) -> bytes:
    """The octets of a stored message."""
    return bytes.fromhex((VECTORS / f"{name}.hex").read_text())
