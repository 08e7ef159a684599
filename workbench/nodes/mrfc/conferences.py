"""The conferences of an MRFC: who takes part in which, and the context that each has at the MRFP."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from workbench.nodes.controller.readings import Reserved
from workbench.protocols import sdp, sip


class Participant(msgspec.Struct, eq=False):
    """Somebody who has called, or is called: the dialog, the termination at the MRFP.

    Args:
        key: the transaction of the INVITE; empty until there is one.
        hop: where it came from, or goes to.
        lost: the MRFP has reported that the connection failed or is gone, while the call was set up.
        floor: conference, user and floors that it is told, where the call is for floor control.
        withdrawn: the caller has sent CANCEL.
    """

    key: str
    hop: sip.Address
    dialog: sip.Dialog | None = None
    reserved: Reserved | None = None
    floor: sdp.BfcpStream | None = None
    lost: bool = False
    withdrawn: bool = False
    over: bool = False


class Conference:
    """One conference."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self.context: int | None = None
        self.reserving = False
        self.participants: list[Participant] = []


class Conferences:
    """All of them."""

    def __init__(self, uris: tuple[str, ...]) -> None:
        self._by_uri = {sip.uri_key(uri): Conference(uri) for uri in uris}

    def __len__(self) -> int:
        return sum(len(one.participants) for one in self._by_uri.values())

    def called(self, uri: str) -> Conference | None:
        """The conference of a Request-URI."""
        return self._by_uri.get(sip.uri_key(uri))

    def of_dialog(self, request: sip.Request) -> tuple[Conference, Participant] | None:
        """Whom a request inside a dialog is from."""
        return self._find(lambda one: one.dialog is not None and one.dialog.matches(request))

    def of_invite(self, key: str) -> tuple[Conference, Participant] | None:
        """Whom an INVITE is from."""
        return self._find(lambda one: one.key == key)

    def at(self, context: int, termination: str) -> list[tuple[Conference, Participant]]:
        """Whom a termination serves; all of the context where its name is `*` or ROOT's."""
        whole = termination.upper() in ("*", "ROOT")
        return [(room, one) for room in self._by_uri.values() if room.context == context for one in room.participants
                if whole or (one.reserved is not None and one.reserved.termination.lower() == termination.lower())]

    def contexts(self) -> set[int]:
        """Those that conferences have."""
        return {room.context for room in self._by_uri.values() if room.context is not None}

    def all(self) -> list[tuple[Conference, Participant]]:
        """Everybody."""
        return [(room, one) for room in self._by_uri.values() for one in room.participants]

    def _find(self, wanted: Callable[[Participant], bool]) -> tuple[Conference, Participant] | None:
        return next(((room, one) for room, one in self.all() if wanted(one)), None)
