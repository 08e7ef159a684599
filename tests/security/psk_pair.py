"""Keys, and TLS sessions that have them."""

from __future__ import annotations

from tls_pair import Pair

from workbench.security.psk import PreSharedKey, PskSession

# The TEK of the MIKEY-TICKET example.
TEK = PreSharedKey(b"ticket-cs-1", bytes.fromhex("ae444098f7c20d1d0cfe701a2a72cf3f"))
WRONG = PreSharedKey(TEK.identity, bytes(16))
STRANGE = PreSharedKey(b"ticket-cs-2", TEK.key)


def shaken(offered: PreSharedKey = TEK, known: object = TEK, version: str = "1.2", **settings: object) -> Pair:
    client = PskSession(offered, True, versions=[version], **settings)  # type: ignore[arg-type]
    server = PskSession(known, False, versions=[version], **settings)  # type: ignore[arg-type]
    return Pair(client, server).shaken()
