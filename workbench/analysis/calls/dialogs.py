"""What SIP says in a capture: dialogs with their transactions on each hop, and the descriptions sent in them."""

from __future__ import annotations

from workbench.analysis import summaries
from workbench.analysis.carried.announced import endpoint_of
from workbench.analysis.drafts import Draft
from workbench.protocols import sip
from workbench.protocols.sdp import Media, SessionDescription, setup_of_answer, setup_of_offer

_WITH_SDP = ("INVITE", "UPDATE", "PRACK", "ACK")
_MOST_OF_A_TRANSACTION = 256


class Described:
    """One m= line that was sent: in SIP by a dialog's party, in H.248 for a termination."""

    def __init__(self, draft: Draft, description: SessionDescription, media: Media, index: int, role: str,
                 stream: int = 0) -> None:
        self.draft = draft
        self.description = description
        self.media = media
        self.index = index
        self.role = role            # "offer" or "answer" in SIP, "Local" or "Remote" in H.248
        self.stream = stream        # the StreamID in H.248
        self.endpoint = endpoint_of(description, media)

    @property
    def fingerprints(self) -> tuple[str, ...]:
        """Values of a=fingerprint that hold for this stream, as written; those that ask the gateway (`$`) left out."""
        found = self.media.attributes("fingerprint") or self.description.attributes("fingerprint")
        return tuple(value for value in found if "$" not in value)

    @property
    def setup(self) -> str:
        """The value of a=setup, empty where there is none."""
        return self.description.attribute_of(self.media, "setup") or ""

    @property
    def setup_meant(self) -> str:
        """The a=setup that an offer or answer stands for, by default or as written (RFC 4145 §4)."""
        media = self.description.effective(self.media)
        return str(setup_of_offer(media) if self.role == "offer" else setup_of_answer(media))


class Transaction:
    """One request on one hop with all that came back for it (RFC 3261 §17).

    The hop is a pair of addresses: ports may be others for what comes back, and a B2BUA, a proxy or a NAT makes
    another hop.
    """

    __slots__ = ("acks", "finals", "method", "number", "provisional", "requests")

    def __init__(self, method: str, number: int) -> None:
        self.method = method
        self.number = number            # of CSeq
        self.requests: list[Draft] = []             # the first one and its retransmissions
        self.provisional: list[Draft] = []
        self.finals: list[Draft] = []               # with retransmissions; of forked ones, each
        self.acks: list[Draft] = []

    @property
    def request(self) -> Draft:
        """The request as it was sent first."""
        return self.requests[0]

    @property
    def final(self) -> Draft | None:
        """The final response: the first that accepts, else the first; None where there is none."""
        return next((one for one in self.finals if one.value.status < 300), self.finals[0] if self.finals else None)

    @property
    def accepted(self) -> bool:
        """A 2xx came."""
        return any(one.value.status < 300 for one in self.finals)


class DialogSeen:
    """All messages with one Call-ID, on whatever wire."""

    def __init__(self, call_id: str) -> None:
        self.call_id = call_id
        self.drafts: list[Draft] = []
        self.methods: set[str] = set()
        self.described: list[Described] = []
        self.transactions: list[Transaction] = []
        self.acknowledged: set[int] = set()         # CSeq numbers of ACKs, on whatever hop
        self._offers: dict[tuple[str, int], bool] = {}
        self._on_hop: dict[tuple[str, str, str, int], Transaction] = {}

    def take(self, draft: Draft, message: sip.Request | sip.Response) -> None:
        """Add a message of this dialog; the summary of one with SDP learns whether it is offer or answer."""
        self.drafts.append(draft)
        number, method = message.cseq
        if isinstance(message, sip.Request):
            self.methods.add(message.method)
            method = message.method
        self._transaction(draft, message, method, number)
        if method not in _WITH_SDP:
            return
        description = summaries.described(message)
        key = ("INVITE" if method == "ACK" else method, number)
        if isinstance(message, sip.Request) and method != "ACK":
            # A request without SDP asks the other side to make the offer (RFC 3261 §13.2.1).
            self._offers[key] = description is not None
        if description is None:
            return
        asked = self._offers.get(key, True)
        if isinstance(message, sip.Request):
            role = "offer" if method != "ACK" else "answer"
        else:
            role = "answer" if asked else "offer"
        draft.summary = summaries.of_sip(message, role=role)
        self.described += [Described(draft, description, media, index, role)
                           for index, media in enumerate(description.media[:16])]

    def _transaction(self, draft: Draft, message: sip.Request | sip.Response, method: str, number: int) -> None:
        status = 0 if isinstance(message, sip.Request) else message.status
        asks = not status
        ends = (draft.source.host, draft.destination.host) if asks else (draft.destination.host, draft.source.host)
        if method == "ACK":
            self.acknowledged.add(number)
        # ACK carries the CSeq number of its INVITE (RFC 3261 §17.1.1.3).
        known = self._on_hop.get((*ends, "INVITE" if method == "ACK" else method, number))
        if known is None:
            if not asks or method == "ACK":
                return      # the capture begins in the middle of it
            known = self._on_hop[*ends, method, number] = Transaction(method, number)
            self.transactions.append(known)
        held = known.finals
        if asks:
            held = known.acks if method == "ACK" else known.requests
        elif status < 200:
            held = known.provisional
        if len(held) < _MOST_OF_A_TRANSACTION:
            held.append(draft)

    @property
    def accepted(self) -> Draft | None:
        """The response that accepted the first INVITE; None where none was seen to."""
        return next((one.final for one in self.transactions if one.method == "INVITE" and one.accepted), None)

    @property
    def over(self) -> Draft | None:
        """The message after which nothing is left of a call: BYE, or the final refusal of the INVITE that began it."""
        bye = next((one.request for one in self.transactions if one.method == "BYE"), None)
        if bye is not None:
            return bye
        invites = [one for one in self.transactions if one.method == "INVITE"]
        if not invites or any(one.accepted for one in invites) or any(not one.finals for one in invites):
            return None
        last = invites[-1].final
        # A challenge is answered with another INVITE (RFC 3261 §22).
        return None if last is None or last.value.status in (401, 407) else last
