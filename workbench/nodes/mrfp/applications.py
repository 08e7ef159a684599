"""What connections end at in an MRFP: messages or floors, as the bearer type indication says."""

from __future__ import annotations

from workbench.nodes.gateway.flow import Flow
from workbench.nodes.gateway.hosting import Host
from workbench.nodes.mrfp.chat import Chat
from workbench.nodes.mrfp.floors import Floors


class Applications:
    """Both of them, as one `gateway.hosting.Host`."""

    def __init__(self, chat: Chat, floors: Floors) -> None:
        self._chat = chat
        self._floors = floors

    def __len__(self) -> int:
        return len(self._chat) + len(self._floors)

    def _of(self, bearer: Flow) -> Host:
        return self._floors if bearer.setting.proto.lower().endswith("/bfcp") else self._chat

    def consider(self, bearer: Flow, now: float) -> None:
        """As of `Host`."""
        self._of(bearer).consider(bearer, now)

    def heard(self, bearer: Flow, octets: bytes, now: float) -> None:
        """As of `Host`."""
        self._of(bearer).heard(bearer, octets, now)

    def woken(self, bearer: Flow, now: float) -> None:
        """As of `Host`."""
        self._of(bearer).woken(bearer, now)

    def confirmed(self, bearer: Flow, request: int, now: float) -> None:
        """As of `Host`."""
        self._of(bearer).confirmed(bearer, request, now)

    def left(self, bearer: Flow) -> None:
        """As of `Host`."""
        self._of(bearer).left(bearer)
