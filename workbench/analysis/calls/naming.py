"""Who is who: names that the capture gives, else what behaviour tells."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

from workbench.analysis.calls.conferences import conference_nodes
from workbench.analysis.calls.signalling import Signalling
from workbench.analysis.dissect import Content, Draft
from workbench.analysis.values import Node
from workbench.protocols import sip

UE, ALG, AGW, NAT, PEER = "UE", "IMS-ALG", "IMS-AGW", "NAT", "peer"
MRFC, MRFP, IBCF, TRGW = "MRFC", "MRFP", "IBCF", "TrGW"
_OF_MEDIA: dict[str, str] = {AGW: ALG, MRFP: MRFC, TRGW: IBCF}     # and its controller


class Names:
    """The node at each address.

    Args:
        given: addresses that the capture names.
        signalling: what SIP and H.248 said.
        contents: the TCP connections.
        twins: connections that are one connection on two wires (before and behind a NAT).
    """

    def __init__(self, given: Mapping[str, str], signalling: Signalling, drafts: list[Draft],
                 twins: list[list[Content]]) -> None:
        self._given = dict(given)
        self._kinds: dict[str, str] = {}
        self._group_of: dict[str, list[str]] = {}
        self._tell(signalling, twins)
        self._name_of: dict[str, str] = {}
        self.nodes = self._make(drafts)

    def __call__(self, address: str) -> str:
        """The node's name; the address itself where nothing is known."""
        return self._name_of.get(address, address)

    def kind(self, name: str) -> str:
        """The kind of the node with this name, or empty."""
        return next((node.kind for node in self.nodes if node.name == name), "")

    def _say(self, address: str, kind: str) -> None:
        self._kinds.setdefault(address, kind)

    def _tell(self, signalling: Signalling, twins: list[list[Content]]) -> None:
        ours = {}       # the gateways' media addresses
        conferences = conference_nodes(signalling.contexts, signalling.dialogs.values())
        kinds = _gateways(signalling, conferences)
        for context in signalling.contexts:
            gateway = [context.gateway.host]
            for termination in context.terminations.values():
                gateway += [one.endpoint.host for one in termination.locals if one.endpoint is not None]
                for one in termination.locals:
                    if one.endpoint is not None:
                        ours[one.endpoint] = context.controller.host, _OF_MEDIA[kinds[context.gateway.host]]
            self._group(kinds[context.gateway.host], gateway)
            self._group(_OF_MEDIA[kinds[context.gateway.host]], [context.controller.host])
        for gateway_end, controller in signalling.control:
            kind = kinds.get(gateway_end.host, AGW)
            self._group(kind, [gateway_end.host])
            self._group(_OF_MEDIA[kind], [controller.host])
        for gateway_host, answering in conferences.items():
            controllers = [one.controller.host for one in signalling.contexts if one.gateway.host == gateway_host]
            self._group(MRFC, [*controllers[:1], *answering])
        for dialog in signalling.dialogs.values():
            for one in dialog.described:
                if one.endpoint in ours:
                    host, kind = ours[one.endpoint]
                    self._group(kind, [host, one.draft.source.host])
        for group in twins:
            hosts = [{side.host for side in content.connection.sides} for content in group]
            # The one that is first to carry the client's SYN is inside.
            for earlier, later in pairwise(hosts):
                for host in later - earlier:
                    if len(earlier & later) == 1:
                        self._say(host, NAT)
        for dialog in signalling.dialogs.values():
            self._parties([draft for draft in dialog.drafts if isinstance(draft.value, sip.Request)])

    def _parties(self, requests: list[Draft]) -> None:
        """A request that appears again on another wire with another source has passed a NAT."""
        first: dict[tuple[str, int, str], Draft] = {}
        for draft in requests:
            message = draft.value
            key = (message.from_tag, *message.cseq)
            before = first.setdefault(key, draft)
            if before.source.host != draft.source.host and before.destination == draft.destination:
                self._say(draft.source.host, NAT)
        for draft in requests:
            for address, whose in ((draft.source.host, True), (draft.destination.host, False)):
                if draft.value.method == "REGISTER":
                    if whose:
                        self._say(address, UE)
                elif draft.value.method == "INVITE" and address not in self._kinds:
                    self._say(address, PEER)

    def _group(self, kind: str, addresses: list[str]) -> None:
        for address in addresses:
            self._kinds[address] = kind
        group = next((self._group_of[address] for address in addresses if address in self._group_of), [])
        for address in addresses:
            if address not in self._group_of:
                group.append(address)
                self._group_of[address] = group

    def _make(self, drafts: list[Draft]) -> tuple[Node, ...]:
        seen: dict[str, None] = {}
        for draft in drafts:
            seen[draft.source.host] = None
            seen[draft.destination.host] = None
        addresses: dict[str, list[str]] = {}
        for address in (*seen, *(other for other in self._given if other not in seen)):
            if address not in seen and self._given[address] not in addresses:
                continue    # a name of the capture that nothing was sent to or from
            name = self._given.get(address) or self._inferred(address)
            addresses.setdefault(name, []).append(address)
            self._name_of[address] = name
        order = (UE, NAT, ALG, AGW, IBCF, TRGW, MRFC, MRFP, "", PEER)
        nodes = []
        for name, held in addresses.items():
            kinds = [self._kinds[address] for address in held if address in self._kinds]
            kind = min(kinds, key=lambda one: (one in (PEER, ""), order.index(one)), default="")
            nodes.append(Node(name, tuple(held), kind, any(address in self._given for address in held)))
        return tuple(nodes)

    def _inferred(self, address: str) -> str:
        group = self._group_of.get(address, [address])
        named = next((self._given[other] for other in group[:64] if other in self._given), "")
        kind = self._kinds.get(address, "")
        return named or (f"{kind} {group[0]}" if kind else address)


def _gateways(signalling: Signalling, conferences: Mapping[str, object]) -> dict[str, str]:
    """What each gateway is, by its host: the MRFP of conferences, a TrGW at a border, or an IMS-AGW."""
    found: dict[str, str] = {}
    for context in signalling.contexts:
        host = context.gateway.host
        if host in conferences:
            found[host] = MRFP
        elif any(end.side == "border" for end in context.terminations.values()):
            found[host] = TRGW
        else:
            found.setdefault(host, AGW)
    return found
