"""TLS of a UE by pre-shared key, instead of by certificate and fingerprint: what its SDP says, and which key it has.

Source: TS 23.334 §6.2.10A, TS 23.333 §6.2.19 (the key is the TEK of a MIKEY exchange), RFC 4567 §3, RFC 4279.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from workbench.security.psk import PreSharedKey, PskSession

if TYPE_CHECKING:
    from workbench.nodes.ue.call import Bearer
    from workbench.nodes.ue.describing import Peer


class Keyed(msgspec.Struct, frozen=True):
    """How a media session is keyed.

    Args:
        says: value of a=key-mgmt in our offer or answer, such as `mikey AQQF...`.
        before: values of other protocols, whose lines stand before it.
        key: with its name; None: it comes later, over `StreamEndpoint.provide`, and TLS waits for it.
        versions: of TLS, `1.2` and `1.3`.
        suites: of TLS 1.2, in OpenSSL's words; empty: the usual ones.
    """

    says: str
    key: PreSharedKey | None = None
    versions: tuple[str, ...] = ("1.2",)
    suites: str = ""
    before: tuple[str, ...] = ()

    @property
    def lines(self) -> tuple[str, ...]:
        """Values of all a=key-mgmt lines, in order of preference."""
        return (*self.before, self.says) if self.says else ()

    def session(self, client: bool) -> PskSession:
        """TLS over a connection."""
        return PskSession(self.key, client, versions=self.versions, suites=self.suites, log_keys=True)


def settle(bearer: Bearer, offered: Peer) -> None:
    """An offer without a=key-mgmt is answered with a certificate: the key is of use where both have it."""
    if not offered.keyed:
        bearer.keyed = None
