"""A call that turns from sound into fax, or back: a new offer whose one m= line is of another kind, in the same place.

The stream is described anew: another port, and everything of the former kind is gone from SDP. What is in place goes on
until the answer is there, and stays if the offer is refused (RFC 3261 §14.1).

Source: RFC 3264 §8.3, T.38 annex D; TS 23.334 §6.2.10.4 (R-6.2.10.4-14).
"""

from __future__ import annotations

from collections.abc import Generator

from workbench.net.values import Command
from workbench.nodes.procedure import Await
from workbench.nodes.ue import renegotiating, settling
from workbench.nodes.ue.call import Call
from workbench.nodes.ue.describing import Description
from workbench.nodes.ue.phone import Done, Phone, failed
from workbench.nodes.ue.settings import Media


def switch(phone: Phone, call: Call, kind: Media) -> Done:
    """Offer the call as another kind of media, and do what the answer says; why it did not come about, or nothing.

    Where both sides do that at once (491), the first one to do it again has its way.
    """
    for _ in range(settling.MOST_GLARES):
        status = yield from _once(phone, call, kind)
        if status != 491 or call.released:
            break
        yield from settling.after_glare(phone, call)
        if call.bearer.kind is kind:
            break
    return "" if call.bearer.kind is kind else (yield from failed(f"the call has not turned into {kind}"))


def _once(phone: Phone, call: Call, kind: Media) -> Generator[Command | Await, object, int]:
    former = call.bearer
    secure = phone.settings.media_security and kind is not Media.AUDIO
    call.candidate = bearer = yield from phone.new_bearer(secure, offers=True, kind=kind)
    setup = phone.settings.insists or phone.settings.offers
    yield from bearer.media.listen()

    def describe() -> Description:
        return settling.offer(phone, call, bearer, setup)

    why = f"re-INVITE: {kind} in place of {former.kind}"
    return (yield from renegotiating.carry(phone, call, describe, why, tries=1))
