"""Random H.248 messages that text and binary can both say, made fast from a seeded source of chance.

Each is in normal form: what one of the encodings can say in two ways stands as the other one says it (audit tokens in
the order of their bits, line feeds in SDP, values in the spelling of their type). So decoding what was encoded gives
the same tree, not only one that means the same. `random.Random(seed)` gives thousands a second; hypothesis' `randoms()`
gives the same messages with shrinking.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import TypeVar

from workbench.protocols import sdp
from workbench.protocols.h248 import message as m
from workbench.protocols.h248.binary.words import AUDIT_TOKENS, COMPLETIONS, MODEM_TYPES, MUX_TYPES
from workbench.protocols.h248.packages import Item, ItemKind, Parameter, registry

T = TypeVar("T")

MEGACO_PACKAGES = ("g", "root", "tonegen", "tonedet", "dg", "dd", "cg", "cd", "al", "ct", "nt", "rtp", "tdmc")
"""Packages whose items Erlang/OTP's megaco can say in binary."""
DESCRIPTIONS = (
    b"v=0\nc=IN IP4 $\nm=message $ TCP/TLS/MSRP *\na=setup:actpass\na=fingerprint:SHA-256 $\n",
    b"v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\nc=IN IP4 192.0.2.1\nt=0 0\nm=audio 2222 RTP/AVP 4\na=ptime:30\n",
    b"v=0\nc=IN IP6 2001:db8::1\nb=AS:64\nm=- 9 TCP -\na=setup:passive\n",
    b"v=0\nm=image $ udptl t38\n",
)
BRACES = (b"v=0\nc=IN IP6 2001:db8::1\nm=- 9 TCP -\na=odd:{brace; and }\n", b"v=0\nc=IN IP4 192.0.2.9\na=odd:\\} \\x\n")
"""Descriptions with closing braces, which megaco's scanner does not read."""
SAFE = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-&!_'?@^`~()%|."
PRINTABLE = "".join(map(chr, range(0x20, 0x7F))).replace('"', "")
AMM = (m.Kind.ADD, m.Kind.MODIFY, m.Kind.MOVE)
AUDITS = (m.Kind.AUDIT_VALUE, m.Kind.AUDIT_CAPABILITY)
WORDS = (m.SignalType, m.SignalDirection, m.NotifyBehaviour, m.Mode, m.ServiceState, m.EventBufferControl)


def _items(kind: ItemKind, packages: Sequence[str] | None) -> list[tuple[str, Item]]:
    """Items with a number in the packages, those that a package has by extending another among them."""
    found: list[tuple[str, Item]] = []
    for package in registry().packages:
        # Tags of Annex C are for Local and Remote, where text has SDP.
        if not package.id or not package.name or (packages is not None and package.name not in packages):
            continue
        # megaco makes small letters of names in text and does not find them again where its table has capitals.
        for item in package.items:
            readable = packages is None or item.name == item.name.lower()
            if item.kind is kind and item.id is not None and readable:
                found.append((item.wire_name, item))
    return found


class Forest:
    """Makes messages.

    Args:
        chance: where the choices come from.
        megaco: only what Erlang/OTP's megaco can say in both encodings.
    """

    _known: dict[tuple[ItemKind, bool], list[tuple[str, Item]]] = {}

    def __init__(self, chance: Random, *, megaco: bool = False) -> None:
        self._chance = chance
        self._megaco = megaco

    # --- choices ---

    def one(self, things: Sequence[T]) -> T:
        return things[int(self._chance.random() * len(things))]

    def sometimes(self, make: Callable[[], T], likely: float = 0.5) -> T | None:
        return make() if self._chance.random() < likely else None

    def flag(self, likely: float = 0.3) -> bool:
        return self._chance.random() < likely

    def number(self, low: int, high: int) -> int:
        if self._chance.random() < 0.1:
            return self.one((low, high))
        return low + int(self._chance.random() * min(high - low + 1, 1 << self.one((4, 8, 16, 32))))

    def some(self, make: Callable[[], T], low: int = 1, high: int = 3) -> tuple[T, ...]:
        return tuple([make() for _ in range(self._chance.randint(low, high))])

    def subset(self, things: Sequence[T], low: int = 0) -> tuple[T, ...]:
        """Some of them, in their order."""
        while True:
            found = tuple([thing for thing in things if self._chance.random() < 0.4])
            if len(found) >= low:
                return found

    # --- names and values ---

    def item(self, kind: ItemKind) -> tuple[str, Item | None]:
        if not self._megaco and self._chance.random() < 0.08:
            return self.one(("0x1234/0x0005", "0x7F01/0x00FF", "ipdc/0x0777", "g/0xFFFE")), None
        key = kind, self._megaco
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = _items(kind, MEGACO_PACKAGES if self._megaco else None)
        return self.one(known)

    def name(self, kind: ItemKind) -> str:
        return self.item(kind)[0]

    def words(self, letters: str, low: int, high: int) -> str:
        return "".join([self.one(letters) for _ in range(self._chance.randint(low, high))])

    def value(self, kind: str, labels: Sequence[object]) -> str:
        """A value of a type, as both encodings give it back."""
        value = self._value(kind.removeprefix("sub-list of "), labels)
        return value.lower() if self._megaco and not isinstance(value, m.Quoted) else value

    def _value(self, kind: str, labels: Sequence[object]) -> str:
        if kind and kind != "signal name" and self._chance.random() < 0.05:
            return "v" + self.words(SAFE, 0, 8)  # nothing of its type: both carry it all the same
        match kind:
            case "boolean":
                return self.one(("ON", "OFF"))
            case "integer":
                return f"{self.number(-(2**31), 2**31 - 1)}"
            case "double":
                return f"{self.number(0, 2**63 - 1)}"
            case "enumeration":
                numbered = [label.label for label in labels if label.number is not None]  # type: ignore[attr-defined]
                return self.one(numbered) if numbered else f"{self.number(0, 9)}"
            case "octet string":
                return self._chance.randbytes(self._chance.randint(0 if not self._megaco else 1, 4)).hex().upper()
            case "signal name":
                return self.one(("cg/rt", "al/ri", "dg/d0"))
            case "string" | "character":
                return m.Quoted(self.words(PRINTABLE, 0, 12).replace("$", "S"))
            case _:
                return self.one(("0x00AB", "0x0102FF", "bare", m.Quoted("bare words")))

    def valued(self, name: str, kind: str, labels: Sequence[object], forms: bool = True) -> m.Property:
        """A property of any form that has values."""
        if kind.startswith("sub-list") and forms:
            return m.Property(name, self.some(lambda: self.value(kind, labels), 1, 3), m.Form.LIST)
        chance = self._chance.random()
        if chance < 0.1:
            return m.Property(name, ("$",))
        if not forms or chance < 0.7:
            return m.Property(name, (self.value(kind, labels),))
        form = self.one((m.Form.ANY_OF, m.Form.LIST, m.Form.RANGE, m.Form.GREATER, m.Form.LESS, m.Form.DIFFERENT))
        count = {m.Form.RANGE: 2, m.Form.ANY_OF: 0, m.Form.LIST: 0}.get(form, 1) or self._chance.randint(1, 3)
        return m.Property(name, tuple([self.value(kind, labels) for _ in range(count)]), form)

    def property(self) -> m.Property:
        name, item = self.item(ItemKind.PROPERTY)
        return self.valued(name, item.type if item else "", item.values if item else ())

    def parameters(self, item: Item | None) -> tuple[m.Property, ...]:
        known: Sequence[Parameter] = [one for one in item.parameters if one.id is not None] if item else ()
        if self._megaco:
            known = [one for one in known if one.name == one.name.lower()]
        found = [self.valued(one.name, one.type, one.values, not self._megaco) for one in self.subset(known)]
        if not self._megaco and self._chance.random() < 0.05:
            found.append(self.valued("0x0777", "", ()))
        return tuple(found)

    def statistic(self) -> m.Property:
        name, item = self.item(ItemKind.STATISTIC)
        kind, labels = (item.type, item.values) if item else ("", ())
        chance = self._chance.random()
        if chance < 0.3:
            return m.named(name)
        if chance < 0.4 and not self._megaco:
            return m.Property(name, self.some(lambda: self.value(kind, labels), 2, 3), m.Form.LIST)
        return self.valued(name, kind.removeprefix("sub-list of "), labels, forms=False)

    # --- small things ---

    def termination(self) -> str:
        if self._megaco:
            return self.one(("ROOT", "*", "$", "11111111/00000000/00000001", f"{self._chance.randrange(256):08b}/*"))
        return self.one(
            ("ROOT", "*", "$", f"0x{self.number(0, 0xFFFFFFFF):08X}", "0x21000000/$15", "0x2100000000/*31..0", "0x07")
        )

    def terminations(self, high: int = 2) -> tuple[str, ...]:
        return self.some(self.termination, 1, high)

    def context(self) -> int:
        return self.one((m.NULL, m.CHOOSE, m.ALL, 1, 77, 0x7FFFFFFF, 0xFFFFFFFD))

    def id(self) -> int:
        return self.number(1, 0xFFFFFFFF)

    def request_id(self) -> int:
        return m.ALL if self.flag(0.1) else self.number(0, 0xFFFFFFFF)

    def stream_id(self) -> int:
        return self.number(1, 0xFFFF)

    def time(self) -> str:
        return f"{self._chance.randint(19990101, 20301231):08d}T{self._chance.randint(0, 23595999):08d}"

    def error(self) -> m.ErrorDescriptor:
        return m.ErrorDescriptor(
            self._chance.randint(400, 599), self.sometimes(lambda: self.words(PRINTABLE, 1 if self._megaco else 0, 12))
        )

    def mid(self) -> str:
        return self.one(self._MIDS[:4] if self._megaco else self._MIDS)

    _MIDS = (
        *("[192.0.2.10]:2944", "[192.0.2.1]", "<mgc.example.net>:2944", "<mgc>"),
        *("gateway_7", "MTP{0102}", "[2001:db8::1]", "[2001:db8::7]:1"),
    )

    def digit_map_name(self) -> str:
        return self.one(("dialplan01", "dialplan99") if self._megaco else ("0x0001", "0xFFFF"))

    def digit_map_value(self, name: str | None) -> m.DigitMap:
        timers = [self.sometimes(lambda: self._chance.randint(0, 99)) for _ in range(3)]
        duration = None if self._megaco else self.sometimes(lambda: self._chance.randint(0, 99), 0.2)
        return m.DigitMap(name, self.one(("(0s|00x.|[1-7]xxx)", "0xxx", "(*xx|#xx)")), *timers, duration)

    def event_digit_map(self) -> m.DigitMap:
        return m.DigitMap(self.digit_map_name()) if self.flag() else self.digit_map_value(None)

    def digit_map(self) -> m.DigitMap:
        name = self.sometimes(self.digit_map_name, 0.7)
        return m.DigitMap(name) if name and self.flag() else self.digit_map_value(name)

    # --- media ---

    def description(self) -> tuple[sdp.SessionDescription, ...]:
        texts = DESCRIPTIONS if self._megaco else DESCRIPTIONS + BRACES
        return tuple([_described(text) for text in self.some(lambda: self.one(texts), 0, 2)])

    def statistics(self) -> m.Statistics:
        return m.Statistics(self.some(self.statistic, 1, 2))

    def local_control(self) -> m.LocalControl:
        if self.flag():
            return m.LocalControl(properties=self.some(self.property, 1, 2))
        return m.LocalControl(
            self.one(tuple(m.Mode)),
            self.sometimes(self.flag),
            self.sometimes(self.flag),
            self.some(self.property, 0, 2),
        )

    def stream(self, number: int) -> m.StreamDescriptor:
        return m.StreamDescriptor(
            number,
            self.local_control(),
            self.sometimes(self.description),
            self.sometimes(self.description),
            None if self._megaco else self.sometimes(self.statistics, 0.2),
        )

    def termination_state(self) -> m.TerminationState:
        if self.flag():
            return m.TerminationState(properties=self.some(self.property, 1, 2))
        return m.TerminationState(
            self.one(tuple(m.ServiceState)),
            self.sometimes(lambda: self.one(tuple(m.EventBufferControl))),
            self.some(self.property, 0, 2),
        )

    def media(self) -> m.Media:
        state = self.sometimes(self.termination_state)
        if self.flag():
            return m.Media((self.stream(1),), state, True)
        streams = self.some(lambda: self.stream(self.stream_id()), 1, 2)
        return m.Media(streams, state)

    def mux(self) -> m.Mux:
        return m.Mux(self.one(MUX_TYPES[:4] if self._megaco else MUX_TYPES), self.terminations())

    def modem(self) -> m.Modem:
        return m.Modem(self.some(lambda: self.one(MODEM_TYPES), 1, 2), self.some(self.property, 0, 1))

    # --- signals and events ---

    def signal(self) -> m.Signal:
        name, item = self.item(ItemKind.SIGNAL)
        completions = COMPLETIONS[:4] if self._megaco else COMPLETIONS
        return m.Signal(
            name,
            self.sometimes(self.stream_id),
            self.sometimes(lambda: self.one(tuple(m.SignalType))),
            self.sometimes(lambda: self.number(0, 0xFFFF)),
            self.subset(completions) if self.flag() else (),
            self.flag(0.2),
            self.parameters(item),
            self.sometimes(lambda: self.one(tuple(m.SignalDirection)[: 2 if self._megaco else 3]), 0.2),
            self.sometimes(self.request_id, 0.2),
            self.sometimes(lambda: self.number(0, 0xFFFF), 0.2),
        )

    def signals(self) -> m.Signals:
        return m.Signals(self.some(self._signal_or_list, 0, 2))

    def _signal_or_list(self) -> m.Signal | m.SignalList:
        if self.flag(0.2):
            return m.SignalList(self.number(0, 0xFFFF), self.some(self.signal, 1, 2))
        return self.signal()

    def embed(self, inner: bool) -> m.Embed:
        if inner:
            return m.Embed(self.signals())
        events = self.sometimes(lambda: self.events(True), 0.6)
        return m.Embed(self.sometimes(self.signals) if events else self.signals(), events)

    def event(self, inner: bool) -> m.Event:
        name, item = self.item(ItemKind.EVENT)
        behaviour = self.sometimes(lambda: self.one(tuple(m.NotifyBehaviour)), 0.2)
        regulated = behaviour is m.NotifyBehaviour.REGULATED
        return m.Event(
            name,
            self.sometimes(self.stream_id),
            self.flag(0.2),
            self.parameters(item),
            self.sometimes(self.event_digit_map, 0.2),
            self.sometimes(lambda: self.embed(inner), 0.2),
            behaviour,
            self.sometimes(lambda: self.embed(inner)) if regulated and not (self._megaco and inner) else None,
            self.flag(0.1),
        )

    def events(self, inner: bool = False) -> m.Events:
        if self.flag(0.15) and not (inner and self._megaco):
            return m.Events()
        return m.Events(self.request_id(), self.some(lambda: self.event(inner), 1, 2))

    def observed_event(self) -> m.ObservedEvent:
        name, item = self.item(ItemKind.EVENT)
        return m.ObservedEvent(name, self.sometimes(self.time), self.sometimes(self.stream_id), self.parameters(item))

    def observed_events(self) -> m.ObservedEvents:
        return m.ObservedEvents(self.request_id(), self.some(self.observed_event, 1, 2))

    def event_buffer(self) -> m.EventBuffer:
        return m.EventBuffer(self.some(self._buffered, 0, 2))

    def _buffered(self) -> m.ObservedEvent:
        name, item = self.item(ItemKind.EVENT)
        return m.ObservedEvent(name, None, self.sometimes(self.stream_id), self.parameters(item))

    # --- audits ---

    def audit(self) -> m.Audit:
        tokens = self.subset([token for token in AUDIT_TOKENS if token != "Modem"])
        return m.Audit(
            tuple([m.AuditItem(token) for token in tokens]) + (self.some(self.individual, 0, 2) if self.flag() else ())
        )

    def individual(self) -> m.AuditItem:
        make = self.one(
            (
                self._audited_media,
                self._audited_events,
                self._audited_buffer,
                self._audited_signals,
                self._audited_map,
                self._audited_statistics,
                self._audited_packages,
            )
        )
        only = make()
        return m.AuditItem(type(only).__name__, only)

    def _asked(self, tokens: Sequence[str]) -> tuple[m.Property, ...]:
        return tuple([m.named(token) for token in tokens]) + self.some(
            lambda: m.named(self.name(ItemKind.PROPERTY)), 0 if tokens else 1, 2
        )

    def _audited_media(self) -> m.Media:
        tokens = () if self._megaco else self.subset(("Buffer", "ServiceStates"))
        state = m.TerminationState(properties=self._asked(tokens)[: 1 if self._megaco else 4])
        if self.flag():
            return m.Media((), state)
        control = m.LocalControl(properties=self._asked(self.subset(("Mode", "ReservedValue", "ReservedGroup"))))
        # megaco's text parser forgets the state where a stream is asked for as well.
        both = None if self._megaco else self.sometimes(lambda: state)
        if self.flag():
            return m.Media((m.StreamDescriptor(1, control),), both, True)
        return m.Media((m.StreamDescriptor(self.stream_id(), control),), both)

    def _audited_events(self) -> m.Events:
        # A stream of an individual audit has no place in megaco's text.
        stream = None if self._megaco else self.sometimes(self.stream_id)
        return m.Events(self.request_id(), (m.Event(self.name(ItemKind.EVENT), stream),))

    def _audited_buffer(self) -> m.EventBuffer:
        stream = None if self._megaco else self.sometimes(self.stream_id)
        return m.EventBuffer((m.ObservedEvent(self.name(ItemKind.EVENT), None, stream),))

    def _audited_signals(self) -> m.Signals:
        signal = m.Signal(self.name(ItemKind.SIGNAL))
        return m.Signals((m.SignalList(self.number(0, 0xFFFF), (signal,)) if self.flag() else signal,))

    def _audited_map(self) -> m.DigitMap:
        return m.DigitMap(self.digit_map_name())

    def _audited_statistics(self) -> m.Statistics:
        return m.Statistics((m.named(self.name(ItemKind.STATISTIC)),))

    def _audited_packages(self) -> m.Packages:
        return m.Packages((self.package_version(),))

    def package_version(self) -> m.PackageVersion:
        return m.PackageVersion(self.name(ItemKind.EVENT).partition("/")[0], self._chance.randint(1, 99))

    # --- contexts ---

    def topology(self) -> m.Topology:
        directions = tuple(m.TopologyDirection)
        return m.Topology(
            self.termination(),
            self.termination(),
            self.one(directions[:3]),
            self.sometimes(self.stream_id, 0.3),
            self.sometimes(lambda: self.one(directions[3:]), 0.2),
        )

    def context_properties(self) -> m.ContextProperties | None:
        found = m.ContextProperties(
            self.sometimes(lambda: self._chance.randint(0, 15)),
            self.sometimes(self.flag),
            self.sometimes(lambda: self.some(self.topology, 1, 2), 0.3),
            self.sometimes(self.flag, 0.2),
            self.some(self.property, 1, 2) if self.flag(0.2) else (),
            self.some(lambda: self.number(1, 99), 1, 2) if self.flag(0.1) and not self._megaco else (),
        )
        return found if found != m.ContextProperties() else None

    def context_audit(self) -> m.ContextAudit:
        items = self.subset(("Topology", "Emergency", "Priority", "IEPSCall"))
        if self._megaco:
            return m.ContextAudit(items or ("Topology",))
        items += tuple([self.name(ItemKind.PROPERTY) for _ in range(self._chance.randint(0 if items else 1, 1))])
        select = m.ContextProperties(
            self.sometimes(lambda: self._chance.randint(0, 15)),
            self.sometimes(self.flag),
            None,
            self.sometimes(self.flag),
        )
        logic = self.sometimes(lambda: self.one(tuple(m.SelectLogic)))
        return m.ContextAudit(items, select if select != m.ContextProperties() else None, logic)

    # --- commands ---

    def distinct(self, makers: Sequence[Callable[[], m.Descriptor]]) -> tuple[m.Descriptor, ...]:
        return tuple([make() for make in self._chance.sample(list(makers), self._chance.randint(0, 3))])

    def command(self) -> m.Command:
        kind = self.one(tuple(m.Kind))
        prefix = (self.flag(0.1), self.flag(0.1))
        if kind in AMM:
            makers = [self.media, self.mux, self.modem, self.events, self.event_buffer]
            makers += [self.signals, self.digit_map, self.audit, self.statistics]
            if self._megaco:
                makers.remove(self.modem)
            return m.Command(kind, self.terminations(), self.distinct(makers), *prefix)
        if kind is m.Kind.SUBTRACT:
            return m.Command(kind, self.terminations(), (self.audit(),) if self.flag() else (), *prefix)
        if kind in AUDITS:
            return m.Command(kind, self.terminations(), (self.audit(),), *prefix)
        if kind is m.Kind.NOTIFY:
            return m.Command(kind, self.terminations(), (self.observed_events(),), *prefix)
        return m.Command(kind, self.terminations(), (self.services(),), *prefix)

    def services(self) -> m.Services:
        address = self.sometimes(lambda: self.one(("55555", self.mid())))
        item = self.sometimes(lambda: m.AuditItem(self.one(AUDIT_TOKENS)), 0.1)
        extension = m.Property(self.one(("X-FOOBAR", "X+FOOBAR")), (self.one(("bar", m.Quoted("two words"))),))
        return m.Services(
            self.one(tuple(m.Method)),
            m.Quoted("901 Cold Boot" if self.flag() else f"{self._chance.randint(900, 920)}"),
            self.sometimes(lambda: self._chance.randint(1, 3)),
            self.sometimes(lambda: "profilename/1"),
            address,
            None if address else self.sometimes(self.mid),
            self.sometimes(lambda: self.number(0, 0xFFFFFFFF)),
            self.sometimes(self.time),
            item,
            self.flag(0.1),
            (extension,) if self.flag(0.1) and not self._megaco else (),
        )

    def returned(self) -> tuple[m.Descriptor, ...]:
        makers = [self.media, self.mux, self.modem, self.events, self.event_buffer, self.signals, self.digit_map]
        makers += [self.statistics, self.observed_events, self.error]
        makers += [lambda: m.Packages(self.some(self.package_version, 1, 2))]
        if self._megaco:
            makers.remove(self.modem)
        tokens = self.subset(("Mux", "Media", "DigitMap", "ObservedEvents", "Packages")) if self.flag(0.1) else ()
        found = self.distinct(makers)
        there = {type(one).__name__ for one in found}
        return found + tuple([m.Token(token) for token in tokens if token not in there])

    def command_reply(self) -> m.CommandReply:
        kind = self.one(tuple(m.Kind))
        if kind in AUDITS and self.flag(0.2):
            return m.CommandReply(kind, self.terminations(3), (), True)
        if kind is m.Kind.NOTIFY:
            return m.CommandReply(kind, self.terminations(), (self.error(),) if self.flag() else ())
        if kind is m.Kind.SERVICE_CHANGE:
            services = m.Services(version=2, profile="profilename/1", address=self.sometimes(lambda: "2944"))
            return m.CommandReply(kind, self.terminations(), self.one(((), (self.error(),), (services,))))
        return m.CommandReply(kind, self.terminations(), self.returned())

    def action(self) -> m.Action:
        properties = self.context_properties() if self.flag() else None
        audit = self.sometimes(self.context_audit, 0.1)
        return m.Action(self.context(), self.some(self.command, 1, 3), properties, audit)

    def action_reply(self) -> m.ActionReply:
        if self.flag(0.1):
            return m.ActionReply(self.context(), (), self.error())
        properties = self.context_properties() if self.flag(0.2) else None
        commands = self.some(self.command_reply, 1, 2)
        return m.ActionReply(self.context(), commands, self.sometimes(self.error, 0.1), properties)

    # --- transactions and messages ---

    def transaction(self) -> m.Transaction:
        chance = self._chance.random()
        if chance < 0.4:
            return m.Request(self.id(), self.some(self.action, 1, 2))
        if chance < 0.7:
            segment = None if self._megaco else self.sometimes(lambda: self.number(1, 0xFFFF), 0.2)
            last = segment is not None and self.flag()
            return m.Reply(self.id(), self.some(self.action_reply, 1, 2), None, self.flag(0.2), segment, last)
        if chance < 0.8:
            return m.Reply(self.id(), (), self.error(), self.flag(0.2))
        if chance < 0.9:
            return m.Pending(self.id())
        if chance < 0.95 and not self._megaco:
            return m.Segment(self.id(), self.number(1, 0xFFFF), self.flag())
        return m.Ack(self.some(self._range, 1, 3))

    def _range(self) -> tuple[int, int]:
        first, last = sorted((self.id(), self.id()))
        return first, last if self.flag(0.5) else first

    def authentication(self) -> m.Authentication:
        octets = self._chance.randbytes(8 + self._chance.randint(12, 32))
        return m.Authentication(octets[:4], octets[4:8], octets[8:])

    def message(self) -> m.Message:
        """One message."""
        authentication = self.sometimes(self.authentication, 0.05)
        if self.flag(0.03):
            return m.Message(3, self.mid(), (), self.error(), authentication)
        return m.Message(3, self.mid(), self.some(self.transaction, 1, 2), None, authentication)


_parsed: dict[bytes, sdp.SessionDescription] = {}


def _described(text: bytes) -> sdp.SessionDescription:
    found = _parsed.get(text)
    if found is None:
        found = _parsed[text] = sdp.decode(text)
    return found


def message(seed: int, *, megaco: bool = False) -> m.Message:
    """The message of a seed."""
    return Forest(Random(seed), megaco=megaco).message()
