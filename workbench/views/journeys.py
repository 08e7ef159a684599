"""The way of each message of the users, hop by hop: where it is inside TLS, and which nodes have it in the clear."""

from __future__ import annotations

from collections import defaultdict, deque
from typing import TYPE_CHECKING

import msgspec

from workbench.views.palette import escape, plain, themed

if TYPE_CHECKING:
    from workbench.analysis.report import Report
    from workbench.analysis.values import Message

PROTOCOLS = ("MSRP", "BFCP", "UDPTL")
_MOST_TEXT = 60
_MOST_ENDS = 64     # messages with the same summary that are on their way to one node
_TLS, _CLEAR = "inside TLS", "in the clear"


class Hop(msgspec.Struct, frozen=True):
    """One wire of the way: from node to node, and whether the message is inside TLS or DTLS there."""

    wire: str
    source: str
    destination: str
    protected: bool
    frame: int


class Journey(msgspec.Struct, frozen=True):
    """The way of one message.

    Args:
        time: when it was seen first.
        what: protocol and summary.
        text: the beginning of what a user said with it, as far as it is text.
        hops: in order.
    """

    time: float
    what: str
    text: str
    hops: tuple[Hop, ...]

    @property
    def nodes(self) -> tuple[str, ...]:
        """Everybody on the way, its sender first."""
        return (self.hops[0].source, *(hop.destination for hop in self.hops))

    @property
    def readers(self) -> tuple[str, ...]:
        """The nodes between its ends: each of them has it in the clear, since TLS ends there or there is none."""
        return self.nodes[1:-1]

    @property
    def clear_on(self) -> tuple[str, ...]:
        """The wires on which a bystander reads it."""
        return tuple(hop.wire for hop in self.hops if not hop.protected)


def journeys(report: Report, *, texts_only: bool = False) -> list[Journey]:
    """A journey for each message of MSRP, BFCP and UDPTL, in order of time.

    A message goes on where the next node sends one with the same summary: its transaction stands there.

    Args:
        texts_only: only messages with which a user says something.
    """
    inside = {(one.outside.address, one.outside.port): one.inside.node
              for session in report.sessions for one in session.bindings}
    ways: list[_Way] = []
    ends: defaultdict[tuple[str, str], deque[_Way]] = defaultdict(lambda: deque(maxlen=_MOST_ENDS))
    for message in report.messages:
        if message.protocol not in PROTOCOLS or message.repeated or message.error:
            continue
        source, destination = (inside.get((place.address, place.port), place.node)
                               for place in (message.source, message.destination))
        hop = Hop(message.wire, source, destination, message.protected, message.frames[-1])
        if any(way.passes_nat(hop) for way in ends[hop.destination, message.summary]):
            continue
        waiting = ends[hop.source, message.summary]
        way = next((one for one in waiting if hop.destination not in one.nodes), None)
        if way is None:
            way = _Way(message)
            ways.append(way)
        else:
            waiting.remove(way)
        way.hops.append(hop)
        ends[hop.destination, message.summary].append(way)
    made = [Journey(way.first.time, f"{way.first.protocol} {way.first.summary}", _text(way.first), tuple(way.hops))
            for way in ways]
    return [one for one in made if one.text or not texts_only]


class _Way:
    """A message on its way, as far as it has been seen."""

    def __init__(self, first: Message) -> None:
        self.first = first
        self.hops: list[Hop] = []

    @property
    def nodes(self) -> set[str]:
        return {node for hop in self.hops for node in (hop.source, hop.destination)}

    def passes_nat(self, hop: Hop) -> bool:
        """The same hop on the other side of a NAT: who talks to whom is the same, the wire is not."""
        last = self.hops[-1]
        return (last.source, last.destination) == (hop.source, hop.destination) and last.wire != hop.wire


def _text(message: Message) -> str:
    body = getattr(message.value, "body", b"") or b""
    if not isinstance(body, bytes):
        return ""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        return ""
    return text if len(text) <= _MOST_TEXT else f"{text[:_MOST_TEXT - 1]}…"


def journeys_text(report: Report, *, texts_only: bool = False) -> str:
    """A line for each message: `=TLS=` between two nodes, or `-clear-`."""
    lines = []
    for one in journeys(report, texts_only=texts_only):
        way = one.hops[0].source + "".join(f" {'=TLS=' if hop.protected else '-clear-'} {hop.destination}"
                                           for hop in one.hops)
        lines.append(plain(f"{one.time:9.3f}  {way}: {one.text or one.what}"))
    return "\n".join(lines) or "no message of MSRP, BFCP or UDPTL is readable in this capture"


JOURNEYS_STYLE = themed(".wb-journeys") + """
.wb-journeys{color:var(--wb-ink);background:var(--wb-paper);border-radius:6px;overflow:auto;padding:.2em .4em;
font:14px/1.4 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
.wb-journeys table{border-collapse:collapse}
.wb-journeys tr{background:var(--wb-paper)!important}
.wb-journeys caption{text-align:left;color:var(--wb-quiet);padding:.3em 0}
.wb-journeys th,.wb-journeys td{text-align:left!important;padding:.35em .5em;white-space:nowrap;
border-bottom:1px solid var(--wb-line)}
.wb-journeys th{font-weight:600;background:var(--wb-panel)}
.wb-journeys .node{display:inline-block;background:var(--wb-panel);border:1px solid var(--wb-line);
border-radius:6px;padding:.1em .6em}
.wb-journeys .tls,.wb-journeys .clear{display:inline-block;min-width:6em;text-align:center;font-size:12px}
.wb-journeys .tls{color:var(--wb-good);border-bottom:4px double var(--wb-good)}
.wb-journeys .clear{color:var(--wb-bad);border-bottom:2px dashed var(--wb-bad)}
.wb-journeys .when{color:var(--wb-quiet);font-variant-numeric:tabular-nums}
"""


def journeys_html(report: Report, *, texts_only: bool = False, style: bool = True) -> str:
    """A row for each message: its nodes, joined by a double line where it is inside TLS and a broken one where not."""
    found = journeys(report, texts_only=texts_only)
    if not found:
        return "<p>No message of MSRP, BFCP or UDPTL is readable in this capture.</p>"
    body = "".join(f'<tr><td class="when">{one.time:.3f}</td><td>{escape(one.text or one.what)}</td>'
                   f"<td>{_way(one)}</td></tr>" for one in found)
    return (f"{f'<style>{JOURNEYS_STYLE}</style>' if style else ''}"
            '<div class="wb-journeys" tabindex="0" role="region" aria-label="the way of each message"><table>'
            "<caption>Which way each message takes, and where it is inside TLS: every node on the way has it in the "
            "clear</caption>"
            '<thead><tr><th scope="col">seconds</th><th scope="col">what</th><th scope="col">its way</th></tr></thead>'
            f"<tbody>{body}</tbody></table></div>")


def _way(one: Journey) -> str:
    parts = [f'<span class="node">{escape(one.hops[0].source)}</span>']
    for hop in one.hops:
        kind, words = ("tls", _TLS) if hop.protected else ("clear", _CLEAR)
        parts.append(f'<span class="{kind}" title="{escape(hop.wire)}, frame {hop.frame}">{words}</span>'
                     f'<span class="node">{escape(hop.destination)}</span>')
    return " ".join(parts)
