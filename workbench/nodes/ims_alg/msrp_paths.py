"""What becomes of a=path and a=msrp-cema on their way through the edge.

| mode | a=path | a=msrp-cema | bearer type on Iq |
|---|---|---|---|
| cema | untouched | untouched | TCP, TCP/TLS |
| sessmatch | host and port of the first URI become the gateway's of that leg | untouched | TCP, TCP/TLS |
| aware | the gateway's own URI of that leg | taken out (RFC 6714 §6) | TCP/MSRP, TCP/TLS/MSRP |

A stream that is not MSRP, or has end-to-end TLS, is left as it is whatever the mode (R-6.2.10A-2, -6).

Provisional: what §5.19.2 to §5.19.4 say of the path is general knowledge, the table above the one place to change it.

Source: TS 23.334 §5.19.2, §5.19.3, §5.19.4; RFC 4975 §6, §8.1; RFC 6714 §4, §6.
"""

from __future__ import annotations

from workbench.errors import PeerError
from workbench.net.values import Endpoint
from workbench.nodes.ims_alg.calls import Rejected, Treatment
from workbench.nodes.ims_alg.settings import Msrp, PlainAnswer, Settings
from workbench.protocols import sdp
from workbench.protocols.msrp import uri

CEMA = "msrp-cema"


def mode_of(settings: Settings, treatment: Treatment, offer: sdp.Media, *, plain_end: bool = False) -> Msrp:
    """What an offered stream gets.

    Args:
        plain_end: a=msrp-cema was offered in this call before, and was not answered. An offer without it, such as the
            new one of RFC 6714 §4.2, is for a far end of plain RFC 4975, and only interworking can serve that.
    """
    if treatment is Treatment.E2E or not sdp.is_msrp(offer):
        return Msrp.CEMA
    if settings.msrp is Msrp.CEMA and plain_end and offer.attribute(CEMA) is None:
        return Msrp.AWARE
    return settings.msrp


def turns_aware(settings: Settings, mode: Msrp, offer: sdp.Media, answer: sdp.Media) -> bool:
    """Whether an answer without a=msrp-cema makes the gateway application-aware (R-5.19.2-5).

    Only an answerer that waits can be helped: one that opens connects to the offerer's path URI, past the gateway.
    Otherwise the answer is handed on, and a passive offerer falls back (RFC 6714 §4.2).
    """
    if settings.plain_answer is not PlainAnswer.RECONFIGURE or not cema_refused(mode, offer, answer):
        return False
    return sdp.setup_of_answer(answer) is sdp.Setup.PASSIVE


def cema_refused(mode: Msrp, offer: sdp.Media, answer: sdp.Media) -> bool | None:
    """Whether a=msrp-cema was not answered; None where it was not offered, or not forwarded."""
    offered = sdp.is_msrp(offer) and offer.attribute(CEMA) is not None
    return answer.attribute(CEMA) is None if mode is Msrp.CEMA and offered else None


def own_path(local: Endpoint, session_id: str, *, secure: bool) -> str:
    """The gateway's URI on a leg: the scheme follows the leg (R-5.19.5-5)."""
    return str(uri.Uri("msrps" if secure else "msrp", local.host, local.port, session_id))


def sent_on(
    media: sdp.Media, mode: Msrp, local: Endpoint, path: str, *, secure: bool, same_security: bool,
) -> sdp.Media:
    """An m= section as the next leg reads it.

    Args:
        local, path: the gateway's address and URI there.
        secure: that leg has TLS.
        same_security: so has the leg it comes from, or neither.
    """
    if mode is Msrp.AWARE:
        return media.without_attribute(CEMA).with_attribute("path", path)
    given = media.attribute("path")
    if mode is Msrp.SESSMATCH and given is not None:
        first, *rest = path_of(given)
        scheme = first.scheme if same_security else "msrps" if secure else "msrp"
        moved = uri.Uri(
            scheme, local.host, local.port, first.session_id, first.transport, first.userinfo, first.parameters)
        return media.with_attribute("path", uri.encode_path((moved, *rest)))
    return media


def path_of(text: str) -> uri.Path:
    """The URIs of an a=path. Raises Rejected."""
    try:
        return uri.decode_path(text)
    except PeerError as error:
        raise Rejected(488, f"a=path: {error}") from error
