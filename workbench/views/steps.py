"""A capture one message at a time: the message, what it says, and what every node has become so far.

The state is what an observer of all wires knows at that moment, and nothing that only a node knows.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from workbench.protocols.h248 import message as h248
from workbench.views.ladder import ladder_lanes, ladder_rows
from workbench.views.palette import escape, plain, themed
from workbench.views.steps_media import MediaSteps

if TYPE_CHECKING:
    from workbench.analysis.report import Report
    from workbench.analysis.values import Message

Facts = dict[str, str]


class Step(msgspec.Struct, frozen=True):
    """One message and the state after it.

    Args:
        index: of the step, from 0.
        message: the message that passes.
        state: node name to what is known of it: topic (`SIP`, `H.248`, `TCP on Core`, ...) to a few words.
        changed: node names with the topics that this message changed.
    """

    index: int
    message: Message
    state: dict[str, Facts]
    changed: dict[str, tuple[str, ...]]


def steps(report: Report, session: str | None = None) -> list[Step]:
    """A step for each message of the report (of one session), in order of time."""
    state: dict[str, Facts] = {lane.name: {} for lane in ladder_lanes(report, ladder_rows(report))}
    media = MediaSteps(report)
    found: list[Step] = []
    for message in report.messages:
        told = media.told(message, state)
        if told is None:
            told = {} if message.repeated or message.error else _told(message, state)
        changed: dict[str, tuple[str, ...]] = {}
        for node, facts in told.items():
            before = state.get(node, {})
            fresh = {topic: fact for topic, fact in facts.items() if before.get(topic) != fact}
            if fresh:
                state = {**state, node: {**before, **fresh}}
                changed[node] = tuple(fresh)
        for place in (message.source, message.destination):
            if place.node not in state:
                state = {**state, place.node: {}}
        if session is None or message.session == session:
            found.append(Step(len(found), message, state, changed))
    return found


def step_text(step: Step) -> str:
    """A step as text: the message, then a line for each node and topic; `*` marks what this message changed."""
    message = step.message
    lines = [f"{step.index + 1}. {message.time:.6f} s, {message.protocol} on {plain(message.wire)}",
             f"   {plain(message.source)} to {plain(message.destination)}", f"   {plain(message.summary)}", ""]
    for node, facts in step.state.items():
        lines.append(plain(node))
        fresh = step.changed.get(node, ())
        lines += [f" {'*' if topic in fresh else ' '} {plain(topic)}: {plain(fact)}" for topic, fact in facts.items()]
        if not facts:
            lines.append("   nothing seen yet")
    return "\n".join(lines)


STATE_STYLE = themed(".wb-state") + """
.wb-state{display:grid;grid-template-columns:repeat(auto-fit,minmax(15em,1fr));gap:.8em;color:var(--wb-ink);
font:14px/1.4 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
.wb-state section{background:var(--wb-panel);border:1px solid var(--wb-line);border-radius:6px;padding:.5em .8em}
.wb-state h4{margin:0 0 .3em;font-size:14px}
.wb-state dl{margin:0}
.wb-state dt{color:var(--wb-quiet);font-size:12px}
.wb-state dd{margin:0 0 .3em;overflow-wrap:anywhere}
.wb-state .new{background:var(--wb-chosen);box-shadow:-3px 0 0 var(--wb-accent)}
.wb-state .none{color:var(--wb-quiet)}
"""


def state_html(step: Step, *, style: bool = True) -> str:
    """The state of every node after a step; what the message changed is marked, in words too."""
    parts = [f"<style>{STATE_STYLE}</style>" if style else "", '<div class="wb-state" role="group" '
             'aria-label="state of the nodes as seen on the wire so far">']
    for node, facts in step.state.items():
        fresh = step.changed.get(node, ())
        body = "".join(
            f'<div{" class=new" if topic in fresh else ""}><dt>{escape(topic)}{" (new)" if topic in fresh else ""}</dt>'
            f"<dd>{escape(fact)}</dd></div>" for topic, fact in facts.items())
        inside = f"<dl>{body}</dl>" if body else '<p class="none">nothing seen yet</p>'
        parts.append(f"<section><h4>{escape(node)}</h4>{inside}</section>")
    return "".join(parts) + "</div>"


# What a message tells of its two ends: node -> topic -> words.

def _told(message: Message, state: dict[str, Facts]) -> dict[str, Facts]:
    match message.protocol:
        case "SIP":
            return _sip(message)
        case "H.248":
            return _h248(message, state)
        case "TCP":
            return _tcp(message, state)
        case "TLS":
            return _tls(message, state)
        case "MSRP":
            return _msrp(message, state)
    return {}


def _sip(message: Message) -> dict[str, Facts]:
    source, destination = message.source.node, message.destination.node
    first = message.summary.split(" ", 1)[0]
    topic = f"SIP on {message.wire}"
    method = _method(message)
    if first in ("INVITE", "REGISTER", "BYE", "CANCEL"):
        said = {"INVITE": "offer sent", "REGISTER": "registering", "BYE": "ending the call",
                "CANCEL": "cancelling the call"}[first]
        heard = {"INVITE": "offer received", "REGISTER": "asked to register", "BYE": "told that the call ends",
                 "CANCEL": "told that the call is cancelled"}[first]
        return {source: {topic: f"{said} (UAC)"}, destination: {topic: f"{heard} (UAS)"}}
    if first == "ACK":
        return {source: {topic: "call up (answer acknowledged)"}, destination: {topic: "call up"}}
    if not first.isdigit():
        return {}
    status = int(first)
    if method == "INVITE":
        said = ("trying" if status == 100 else f"ringing ({status})" if status < 200 else
                "answer sent" if status < 300 else f"call refused with {status}")
        heard = said.replace("answer sent", "answer received").replace("call refused", "call was refused")
        return {source: {topic: f"{said} (UAS)"}, destination: {topic: f"{heard} (UAC)"}}
    if method == "REGISTER":
        said = ("asks for authentication (401)" if status == 401 else "registration accepted" if status < 300 else
                f"registration refused with {status}")
        heard = ("challenged (401)" if status == 401 else "registered" if status < 300 else
                 f"not registered ({status})")
        return {source: {topic: said}, destination: {topic: heard}} if status >= 200 else {}
    if method == "BYE" and status >= 200:
        return {source: {topic: "call ended"}, destination: {topic: "call ended"}}
    return {}


def _method(message: Message) -> str:
    """The method of a request, or of the request that a response answers (CSeq)."""
    value = message.value
    method = getattr(value, "method", None)
    if isinstance(method, str):
        return method
    headers = getattr(value, "headers", None)
    sequence = headers.get("CSeq") if headers is not None else None
    words = str(sequence or "").split()
    if len(words) == 2:
        return words[1]
    found = re.search(r"\b(INVITE|REGISTER|BYE|CANCEL|ACK|PRACK|UPDATE|OPTIONS)\b", message.summary)
    return found.group(1) if found else ""


def _h248(message: Message, state: dict[str, Facts]) -> dict[str, Facts]:
    value = message.value
    if not isinstance(value, h248.Message):
        return {}
    source, destination = message.source.node, message.destination.node
    told: dict[str, Facts] = {source: {}, destination: {}}
    for transaction in value.body:
        if isinstance(transaction, h248.Request):
            for action in transaction.actions:
                for command in action.commands:
                    _request(told, source, destination, command)
        elif isinstance(transaction, h248.Reply):
            for reply in transaction.actions:
                for answer in reply.commands:
                    _reply(told, source, destination, reply.context, answer, {**state.get(source, {}), **told[source]})
    return told


def _request(told: dict[str, Facts], source: str, destination: str, command: h248.Command) -> None:
    names = ", ".join(command.terminations)
    if command.kind is h248.Kind.SERVICE_CHANGE:
        told[source]["H.248"] = "MG, registering with its controller"
        told[destination]["H.248"] = "MGC, asked by an MG to control it"
    elif command.kind is h248.Kind.NOTIFY:
        told[source]["H.248"] = f"MG, has notified an event of {names}"
    else:
        told[source].setdefault("H.248", f"MGC, ordered {command.kind} of {names}")


def _reply(
    told: dict[str, Facts], node: str, other: str, context: int, answer: h248.CommandReply, known: Facts,
) -> None:
    if answer.kind is h248.Kind.SERVICE_CHANGE:
        registered = answer.error is None
        told[node]["H.248"] = "MGC, controls the MG" if registered else "MGC, has refused the MG"
        told[other]["H.248"] = "MG, registered" if registered else "MG, refused by the controller"
        return
    if answer.kind is h248.Kind.NOTIFY:
        told[other]["H.248"] = "MG, its notification is acknowledged"
    else:
        done = "refused" if answer.error is not None else "executed"
        told[node]["H.248"] = f"MG, has {done} {answer.kind} of {', '.join(answer.terminations)}"
    if context in (h248.NULL, h248.CHOOSE, h248.ALL) or answer.error is not None:
        return
    topic = f"context {context}"
    held = [name for name in known.get(topic, "").split(", ") if name and name != "released"]
    if answer.kind is h248.Kind.ADD:
        held += [name for name in answer.terminations if name not in held]
    elif answer.kind is h248.Kind.SUBTRACT:
        everything = any(name == "*" for name in answer.terminations)
        held = [] if everything else [name for name in held if name not in answer.terminations]
    else:
        return
    told[node][topic] = ", ".join(held) or "released"


def _tcp(message: Message, state: dict[str, Facts]) -> dict[str, Facts]:
    source, destination = message.source.node, message.destination.node
    topic = f"TCP on {message.wire}"
    kind = message.summary.upper()
    if re.match(r"SYN\W{1,3}ACK", kind):
        return {source: {topic: "server, accepted"}, destination: {topic: "client, open"}}
    if kind.startswith("SYN"):
        return {source: {topic: "client, SYN sent"}, destination: {topic: "server, SYN received"}}
    if kind.startswith("RST"):
        return {source: {topic: _role(state, source, topic) + "reset"},
                destination: {topic: _role(state, destination, topic) + "was reset"}}
    if kind.startswith("FIN"):
        other_ended = state.get(destination, {}).get(topic, "").endswith("has sent FIN")
        said = "closed" if other_ended else "has sent FIN"
        told = {source: {topic: _role(state, source, topic) + said}}
        if other_ended:
            told[destination] = {topic: _role(state, destination, topic) + "closed"}
        return told
    return {}


def _tls(message: Message, state: dict[str, Facts]) -> dict[str, Facts]:
    source, destination = message.source.node, message.destination.node
    topic = f"TLS on {message.wire}"
    kind = message.summary
    if kind.startswith("ClientHello"):
        return {source: {topic: "client, ClientHello sent"}, destination: {topic: "server, ClientHello received"}}
    if kind.startswith("ServerHello") and not kind.startswith("ServerHelloDone"):
        return {source: {topic: "server, ServerHello sent"}, destination: {topic: "client, ServerHello received"}}
    if kind.startswith("CertificateVerify"):
        return {source: {topic: _role(state, source, topic) + "has proved its certificate"}}
    if kind.startswith("Finished"):
        both = state.get(destination, {}).get(topic, "").endswith(("Finished sent", "established"))
        said = "established" if both else "Finished sent"
        told = {source: {topic: _role(state, source, topic) + said}}
        if both:
            told[destination] = {topic: _role(state, destination, topic) + "established"}
        return told
    if "close_notify" in kind:
        return {source: {topic: _role(state, source, topic) + "has sent close_notify"}}
    if "fatal" in kind.lower() or kind.lower().startswith("alert"):
        return {source: {topic: _role(state, source, topic) + f"sent {kind}"},
                destination: {topic: _role(state, destination, topic) + f"received {kind}"}}
    return {}


def _msrp(message: Message, state: dict[str, Facts]) -> dict[str, Facts]:
    source, destination = message.source.node, message.destination.node
    topic = f"MSRP on {message.wire}"
    kind = message.summary
    inside = " inside TLS" if message.protected else " in clear"
    if kind.startswith("SEND"):
        return {source: {topic: f"sends{inside}"}, destination: {topic: f"receives{inside}"}}
    if kind.startswith("REPORT"):
        return {destination: {topic: f"delivery confirmed{inside}"}}
    return {}


def _role(state: dict[str, Facts], node: str, topic: str) -> str:
    """`client, ` or `server, ` as known so far."""
    known = state.get(node, {}).get(topic, "")
    role = known.split(",", 1)[0]
    return f"{role}, " if role in ("client", "server") else ""
