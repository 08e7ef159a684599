"""Registration with media plane security: REGISTER, challenge, REGISTER with the agreed mechanisms.

Source: RFC 3329, TS 24.229 §5.1.1 (`mediasec`).
"""

from __future__ import annotations

from workbench.errors import PeerError
from workbench.net.values import Note
from workbench.nodes.procedure import Steps
from workbench.nodes.ue.phone import Phone
from workbench.nodes.ue.settings import OpensToo
from workbench.protocols import sip


def register(phone: Phone) -> Steps:
    """Register, and say which media plane security the UE can do."""
    settings, token = phone.settings, phone.source.token
    can = settings.media_security and settings.faults.agrees
    offered = sip.registration.MediaSecurity((settings.media.mechanism,)) if can else None
    first = sip.registration.register(
        settings.uri, str(settings.local), token=token, client=offered,
        opens_too=settings.opens_too is OpensToo.INDICATED)
    response = yield from phone.ask(first, "UE says which media plane security it can do [TS 24.229 §5.1.1.2]")
    if response is not None and response.status == 401:
        try:
            second = sip.registration.register_again(
                first, response, user=settings.uri, password=f"secret of {settings.uri}", token=token)
        except PeerError as error:
            yield Note(f"not registered: {error}")
            return
        response = yield from phone.ask(second, "UE repeats what the P-CSCF offered [RFC 3329 §2.3.1]")
    if response is None or response.status != 200:
        yield Note(f"not registered: {response.status if response else 'no answer'}")
        return
    phone.registered = True
