"""A UE: SIP over UDP, SDP with or without e2ae security, and one MSRP or BFCP session at a time.

A peer beyond the core is the same node without registration and without media plane security. One that has a
conference is its floor control server, and takes a call from each person of it.

Source: TS 24.229 §5.1 (UE), TS 33.328 (e2ae), RFC 4975, RFC 6135, RFC 6714 (MSRP), RFC 8855,
RFC 8856 (BFCP), RFC 4145, RFC 8122.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from workbench.errors import LocalProtocolError, PeerError
from workbench.net.values import (
    Asked,
    BindDatagrams,
    Command,
    DatagramReceived,
    Drop,
    Endpoint,
    Happening,
    Started,
    Woke,
)
from workbench.nodes.conference import Conference
from workbench.nodes.fax_terminal import FaxTerminal
from workbench.nodes.orders import Order
from workbench.nodes.procedure import Await, Steps
from workbench.nodes.tickets import Tickets
from workbench.nodes.ue import calling, person, releasing, renegotiating
from workbench.nodes.ue.faults import Faults
from workbench.nodes.ue.keyed import Keyed
from workbench.nodes.ue.phone import Phone
from workbench.nodes.ue.settings import Media, OpensToo, Secures, Settings
from workbench.protocols import sdp, sip
from workbench.protocols.msrp.cema import Model
from workbench.security.identities import Identity
from workbench.security.source import Source

SIP_PORT = 5060

# What we do, and what we know of without doing it (RFC 3261 §8.2.1).
_ALLOWED = ("INVITE", "ACK", "BYE", "CANCEL")
_KNOWN = ("INFO", "MESSAGE", "NOTIFY", "OPTIONS", "PRACK", "PUBLISH", "REFER", "REGISTER", "SUBSCRIBE", "UPDATE")
_MOST_ORDERS = 256


class UserEquipment:
    """A UE with one SIP identity. `failed` says which of its person's orders did not come about, and why.

    Args:
        uri: its SIP URI.
        address: its IP address.
        port: where SIP listens.
        proxy: where SIP requests go.
        identity: the certificate that its SDP announces; `presents` is the one that its TLS shows, None: none.
        registers: it registers when asked; a peer without registration can call at once.
        media_security: it asks for e2ae in offers and accepts it in answers.
        offers, answers: a=setup it writes in an offer, and in an answer to `actpass`.
        tls_versions: `1.2`, `1.3`.
        chunk: octets of a message in one MSRP SEND.
        rings: seconds until the person answers a call; 0: at once.
        msrp: `cema`, `sessmatch` or `plain`: how it matches MSRP URIs, and where it connects to.
        falls_back: as CEMA offerer it makes the new offer without msrp-cema where RFC 6714 §4.2 asks for it.
        insists: a=setup that it writes, legal or not; empty: what is legal.
        listens: False: its port is closed where it should be passive.
        accepts_after: seconds that it takes to answer a SYN.
        connects: False: it never opens the connection where it should be active.
        connects_after: seconds that it takes to open the connection.
        discovers: the STUN server that it asks over TCP for its mapped address.
        media: `msrp`, `bfcp`, `t38` or `audio`, a call with sound that may turn into T.38.
        tls_role: who is TLS client with BFCP: the `offerer` (RFC 8856 §8), or as `setup` says (its §10 by itself).
        conference: it is the floor control server of this conference.
        fax: its fax terminal, with T.38.
        faults: what it does wrong with media plane security.
        names_tls: its offers of TLS have a=tls-id, as those of DTLS do (RFC 8842).
        keyed: TLS is by pre-shared key, and SDP has a=key-mgmt in place of a=fingerprint; None: by certificate.
        tickets: the same, with keys of MIKEY tickets; None: without.
        secures: its offers ask for e2ae, or for security up to the other UE (`e2e`, without a=3ge2ae).
        opens_too: with end-to-end TLS it opens TCP although it is passive, `silent` or `indicated` at registration (TR
            29.828 Annex D); `no`.

    Raises:
        LocalProtocolError: a setting that is not one of these.
    """

    def __init__(
        self,
        name: str,
        *,
        uri: str,
        address: str,
        port: int = SIP_PORT,
        proxy: Endpoint,
        source: Source,
        identity: Identity,
        presents: Identity | None,
        registers: bool = True,
        media_security: bool = True,
        offers: str = "active",
        answers: str = "passive",
        tls_versions: Sequence[str] = ("1.2", "1.3"),
        chunk: int = 2048,
        rings: float = 0.0,
        msrp: str = "cema",
        falls_back: bool = True,
        insists: str = "",
        listens: bool = True,
        accepts_after: float = 0.0,
        connects: bool = True,
        connects_after: float = 0.0,
        discovers: Endpoint | None = None,
        media: str = "msrp",
        tls_role: str = "offerer",
        conference: Conference | None = None,
        fax: FaxTerminal | None = None,
        faults: Faults | None = None,
        names_tls: bool = False,
        keyed: Keyed | None = None,
        tickets: Tickets | None = None,
        secures: str = "e2ae",
        opens_too: str = "no",
    ) -> None:
        if msrp not in tuple(Model):
            raise LocalProtocolError(f"{name}: msrp is {msrp!r}; there are {', '.join(Model)}")
        if media not in tuple(Media) or (conference is not None and media != Media.BFCP):
            raise LocalProtocolError(
                f"{name}: media is {media!r}; there are {', '.join(Media)}, and a conference has bfcp")
        if secures not in tuple(Secures):
            raise LocalProtocolError(f"{name}: secures is {secures!r}; there are {', '.join(Secures)}")
        if opens_too not in tuple(OpensToo):
            raise LocalProtocolError(f"{name}: opens_too is {opens_too!r}; there are {', '.join(OpensToo)}")
        if tls_role not in tuple(sdp.BfcpClient):
            raise LocalProtocolError(f"{name}: tls_role is {tls_role!r}; there are {', '.join(sdp.BfcpClient)}")
        self.name = name
        self._local = Endpoint(address, port)
        settings = Settings(
            uri=uri, local=self._local, proxy=proxy, identity=identity, presents=presents, registers=registers,
            media_security=media_security, offers=_setup(name, offers), answers=_setup(name, answers),
            tls_versions=tuple(tls_versions), chunk=chunk, rings=rings, msrp=Model(msrp), falls_back=falls_back,
            insists=_setup(name, insists) if insists else None, listens=listens, accepts_after=accepts_after,
            connects=connects, connects_after=connects_after, discovers=discovers, media=Media(media),
            tls_role=sdp.BfcpClient(tls_role), conference=conference, fax=fax or FaxTerminal(),
            faults=faults or Faults(), names_tls=names_tls, keyed=keyed, tickets=tickets, secures=Secures(secures),
            opens_too=OpensToo(opens_too))
        self._phone = Phone(
            settings, source, obey=self._obey, unacknowledged=lambda call: releasing.release(self._phone, call))
        self._orders: deque[Order] = deque(maxlen=_MOST_ORDERS)
        self._busy = False
        self.failed: deque[str] = deque(maxlen=_MOST_ORDERS)

    @property
    def idle(self) -> bool:
        """Every order so far is carried out, or has failed."""
        return not self._busy and not self._orders

    def handle(self, happened: Happening, now: float) -> list[Command]:
        """Answer a happening."""
        phone = self._phone
        phone.now = now
        match happened:
            case Started():
                return [BindDatagrams(self._local), *phone.procedures.start(self._person(), now)]
            case Asked(order=order):
                self._orders.append(order)
                return phone.procedures.post(("order",), None, now)
            case DatagramReceived(local=self._local, remote=remote, data=data):
                return phone.signalled(phone.sip.receive_data(data, (remote.host, remote.port), now))
            case Woke():
                return phone.wake()
            case _:
                commands = phone.media_happened(happened)
                return [Drop(happened, "nothing here is concerned")] if commands is None else commands

    def next_wakeup(self) -> float | None:
        """The first timer of SIP, of a procedure or of MSRP."""
        return self._phone.next_wakeup()

    def figures(self) -> dict[str, dict[str, float]]:
        """Figures by name, for those who run it."""
        return {"calls": {"": sum(call.runs for call in self._phone.calls())},
                "registered": {"": int(self._phone.registered)}}

    def leave(self, now: float) -> list[Command]:
        """End every call: the person goes."""
        self._phone.now = now
        return [command for call in self._phone.calls() if call is self._phone.call or call.runs
                for command in self._phone.procedures.start(person.hang_up(self._phone, call=call), now)]

    @property
    def quiet(self) -> bool:
        """There is no call, and nothing of a former one is still to be closed."""
        return all(call.finished and not call.runs for call in self._phone.calls())

    def _person(self) -> Steps:
        while True:
            while not self._orders:
                yield Await((("order",),))
            self._busy = True
            failed = yield from person.do(self._phone, self._orders.popleft())
            self._busy = False
            if failed:
                self.failed.append(failed)

    # What others ask for

    def _obey(self, key: str, request: sip.Request) -> Steps:
        phone = self._phone
        if request.method == "CANCEL":
            yield from calling.cancelled(phone, key, request)
        elif request.to_tag:
            yield from self._obey_inside(key, request)
        elif request.method == "INVITE":
            yield from calling.answer(phone, key, request)
        elif request.method == "BYE":
            yield from phone.refuse(key, request, 481, "no such call")
        else:
            yield from self._unknown(key, request)

    def _obey_inside(self, key: str, request: sip.Request) -> Steps:
        """A request inside the dialog, or one that claims to be."""
        phone = self._phone
        call = phone.find(request)
        if call is None or call.dialog is None:
            yield from phone.refuse(key, request, 481, "no such call")
            return
        try:
            call.dialog = call.dialog.received(request)
        except PeerError as error:
            yield from phone.refuse(key, request, 500, str(error))
            return
        if request.method == "BYE":
            yield from phone.reply(key, sip.response(request, 200, "OK"), "the call is released")
            yield from releasing.released(phone, call)
        elif request.method == "INVITE":
            yield from renegotiating.re_answer(phone, call, key, request)
        else:
            yield from self._unknown(key, request)

    def _unknown(self, key: str, request: sip.Request) -> Steps:
        status = 405 if request.method.upper() in _KNOWN else 501
        yield from self._phone.refuse(
            key, request, status, "not done here [RFC 3261 §8.2.1]", [("Allow", ", ".join(_ALLOWED))])


def _setup(name: str, value: str) -> sdp.Setup:
    if value not in tuple(sdp.Setup):
        raise LocalProtocolError(f"{name}: a=setup:{value} is not a role")
    return sdp.Setup(value)
