"""Random H.248 messages, as hypothesis strategies. Every one is legal in the version 3 text grammar."""

from __future__ import annotations

from hypothesis import strategies as st

from workbench.protocols import sdp
from workbench.protocols.h248 import message as m

_DESCRIPTIONS = (
    b"v=0\nc=IN IP4 $\nm=message $ TCP/TLS/MSRP *\na=setup:actpass\na=fingerprint:SHA-256 $\n",
    b"v=0\nc=IN IP4 192.0.2.1\nm=audio 2222 RTP/AVP 4\na=ptime:30\n",
    b"v=0\r\nc=IN IP6 2001:db8::1\r\nm=- 9 TCP -\r\na=setup:passive\r\na=odd:{brace; and }\r\n",
    b"v=0\nc=IN IP4 192.0.2.9\na=odd:\\} \\x\n",
    b"v=0\nm=image $ udptl t38\n",
)
descriptions = st.lists(st.sampled_from(_DESCRIPTIONS), max_size=2).map(
    lambda texts: tuple(sdp.decode(text) for text in texts)
)
numbers = st.integers(0, 0xFFFF)
ids = st.one_of(st.integers(1, 50), st.sampled_from([0x7FFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF]))
contexts = st.one_of(st.integers(1, 9), st.sampled_from([m.NULL, m.CHOOSE, m.ALL]))
request_ids = st.one_of(st.integers(0, 9999), st.just(m.ALL))
times = st.builds(lambda d, t: f"{d:08d}T{t:08d}", st.integers(19990101, 20301231), st.integers(0, 23595999))
packages = st.sampled_from(["g", "ipdc", "gm", "unknown", "x9_y", "tman"])
items = st.sampled_from(["realm", "cause", "a1", "Long_Name", "saf"])
packaged = st.builds("{}/{}".format, packages, items)
parameters_names = st.sampled_from(["timerx", "napt", "Generalcause", "p_1", "dt", "strict", "ds"])
terminations = st.sampled_from(["ip/1/access/$", "ip/1/core/17", "ROOT", "*", "$", "ip/*/17", "a4444"])
values = st.one_of(
    st.from_regex(r"v[A-Za-z0-9+&!_?@^`~()%|.\-]{0,12}", fullmatch=True),
    st.just("$"),
    st.from_regex(r"[ -!#-~]{0,20}", fullmatch=True).map(m.Quoted),
)


def tuples(strategy: st.SearchStrategy, low: int = 0, high: int = 3) -> st.SearchStrategy:
    """Tuples of a few."""
    return st.lists(strategy, min_size=low, max_size=high).map(tuple)


def opaque(strategy: st.SearchStrategy) -> st.SearchStrategy:
    """The same with a short name (hypothesis writes out what strategies are made of)."""

    @st.composite
    def drawn(draw: st.DrawFn) -> object:
        return draw(strategy)

    return drawn()


def maybe(strategy: st.SearchStrategy) -> st.SearchStrategy:
    """The value, or None."""
    return st.one_of(st.none(), strategy)


def properties(names: st.SearchStrategy) -> st.SearchStrategy:
    """Properties of every form that has values."""
    single = st.sampled_from([m.Form.ONE, m.Form.GREATER, m.Form.LESS, m.Form.DIFFERENT])
    return st.one_of(
        st.builds(m.Property, names, st.tuples(values), single),
        st.builds(m.Property, names, tuples(values, 1), st.sampled_from([m.Form.ANY_OF, m.Form.LIST])),
        st.builds(m.Property, names, st.tuples(values, values), st.just(m.Form.RANGE)),
    )


def distinct(strategy: st.SearchStrategy, high: int = 3) -> st.SearchStrategy:
    """A few properties with different names."""
    return st.lists(strategy, max_size=high, unique_by=lambda item: item.name.lower()).map(tuple)


errors = st.builds(m.ErrorDescriptor, st.integers(400, 599), maybe(st.from_regex(r"[ -!#-~]{0,20}", fullmatch=True)))
errors = opaque(errors)
parameters = distinct(properties(parameters_names))
parameters = opaque(parameters)
statistics = st.builds(
    m.Statistics,
    tuples(st.one_of(packaged.map(m.named), st.builds(m.Property, packaged, st.tuples(values))), 0, 2),
)
statistics = opaque(statistics)
some_properties = tuples(properties(packaged), 1, 2)
some_properties = opaque(some_properties)
local_controls = st.one_of(
    st.builds(
        m.LocalControl,
        st.sampled_from(m.Mode),
        maybe(st.booleans()),
        maybe(st.booleans()),
        tuples(properties(packaged)),
    ),
    st.builds(m.LocalControl, properties=some_properties),
)
local_controls = opaque(local_controls)
streams = st.builds(
    m.StreamDescriptor,
    st.integers(1, 65535),
    local_controls,
    maybe(descriptions),
    maybe(descriptions),
    maybe(statistics),
)
streams = opaque(streams)
states = st.one_of(
    st.builds(
        m.TerminationState,
        st.sampled_from(m.ServiceState),
        maybe(st.sampled_from(m.EventBufferControl)),
        tuples(properties(packaged)),
    ),
    st.builds(m.TerminationState, properties=some_properties),
)
states = opaque(states)
media = st.one_of(
    st.builds(m.Media, tuples(streams, 1, 2), maybe(states)),
    st.builds(
        m.Media,
        st.tuples(streams.map(lambda s: m.StreamDescriptor(1, s.local_control, s.local, s.remote))),
        maybe(states),
        st.just(True),
    ),
)
media = opaque(media)
signals_alone = st.builds(
    m.Signal,
    packaged,
    maybe(st.integers(1, 65535)),
    maybe(st.sampled_from(m.SignalType)),
    maybe(numbers),
    st.lists(st.sampled_from(m.Completion), max_size=2, unique=True).map(tuple),
    st.booleans(),
    parameters,
    maybe(st.sampled_from(m.SignalDirection)),
    maybe(st.integers(0, 99)),
    maybe(numbers),
)
signals_alone = opaque(signals_alone)
signals = st.builds(
    m.Signals, tuples(st.one_of(signals_alone, st.builds(m.SignalList, numbers, tuples(signals_alone, 1, 2))), 0, 2)
)
signals = opaque(signals)
digit_maps = st.one_of(
    st.builds(m.DigitMap, st.just("plan1")),
    st.builds(
        m.DigitMap,
        maybe(st.just("plan1")),
        st.just("(0s|00x.|[1-7]xxx)"),
        maybe(st.integers(0, 99)),
        maybe(st.integers(0, 99)),
    ),
)
digit_maps = opaque(digit_maps)


def _events(embedded: bool) -> st.SearchStrategy:
    if embedded:
        embeds = st.builds(m.Embed, signals)
    else:
        inner = st.one_of(st.just(m.Events()), st.builds(m.Events, request_ids, tuples(_events(True), 1, 2)))
        embeds = st.one_of(
            st.builds(m.Embed, signals), st.builds(m.Embed, st.none(), inner), st.builds(m.Embed, signals, inner)
        )
    plain = st.builds(
        m.Event,
        packaged,
        maybe(st.integers(1, 65535)),
        st.booleans(),
        parameters,
        maybe(digit_maps),
        st.none(),
        maybe(st.sampled_from(m.NotifyBehaviour)),
    )
    embedding = st.builds(m.Event, packaged, embed=embeds, reset_events=st.booleans())
    regulated = st.builds(
        m.Event, packaged, behaviour=st.just(m.NotifyBehaviour.REGULATED), regulated_embed=embeds, parameters=parameters
    )
    return opaque(st.one_of(plain, embedding, regulated))


events = st.one_of(st.just(m.Events()), st.builds(m.Events, request_ids, tuples(_events(False), 1, 2)))
events = opaque(events)
observed = st.builds(m.ObservedEvent, packaged, maybe(times), maybe(st.integers(1, 65535)), parameters)
observed_events = st.builds(m.ObservedEvents, request_ids, tuples(observed, 1, 2))
observed_events = opaque(observed_events)
buffers = st.builds(
    m.EventBuffer,
    tuples(st.builds(m.ObservedEvent, packaged, stream=maybe(st.integers(1, 65535)), parameters=parameters), 0, 2),
)
buffers = opaque(buffers)
package_versions = st.builds(m.PackageVersion, packages, st.integers(1, 99))
muxes = st.builds(m.Mux, st.sampled_from(["H221", "H223", "V76", "Nx64Kservice"]), tuples(terminations, 1, 2))
whole = st.sampled_from(
    ["Media", "Mux", "Events", "EventBuffer", "Signals", "DigitMap", "Statistics", "Packages", "ObservedEvents"]
).map(m.AuditItem)
individual = st.one_of(
    packaged.map(lambda name: m.AuditItem("Statistics", m.Statistics((m.named(name),)))),
    package_versions.map(lambda item: m.AuditItem("Packages", m.Packages((item,)))),
    packaged.map(lambda name: m.AuditItem("Signals", m.Signals((m.Signal(name),)))),
    st.builds(lambda i, name: m.AuditItem("Events", m.Events(i, (m.Event(name),))), request_ids, packaged),
    st.one_of(packaged, st.just("Buffer")).map(
        lambda name: m.AuditItem("Media", m.Media((), m.TerminationState(properties=(m.named(name),))))
    ),
)
audits = opaque(
    st.builds(
        m.Audit,
        st.one_of(
            st.lists(whole, max_size=3, unique_by=lambda item: item.name).map(tuple),
            st.lists(individual, max_size=3, unique_by=lambda item: item.name).map(tuple),
        ),
    )
)
services = st.builds(
    m.Services,
    st.one_of(st.sampled_from(m.Method), st.just("X-Odd")),
    values.filter(lambda value: value != "$"),
    maybe(st.integers(1, 3)),
    maybe(st.just("profilename/1")),
    maybe(st.sampled_from(["55555", "[192.0.2.7]:2944", "[2001:db8::7]", "<mgc.example.net>:2944"])),
    st.none(),
    maybe(st.integers(0, 9999)),
    maybe(times),
    incomplete=st.booleans(),
)
services = opaque(services)
descriptors = st.one_of(media, muxes, events, buffers, signals, digit_maps, audits, statistics)
descriptors = opaque(descriptors)


def _kinds(strategy: st.SearchStrategy) -> st.SearchStrategy:
    """A few descriptors of different classes."""
    return st.lists(strategy, max_size=3, unique_by=type).map(tuple)


amm = st.sampled_from([m.Kind.ADD, m.Kind.MODIFY, m.Kind.MOVE])
commands = st.one_of(
    st.builds(m.Command, amm, tuples(terminations, 1, 2), _kinds(descriptors), st.booleans(), st.booleans()),
    st.builds(
        m.Command,
        st.sampled_from([m.Kind.SUBTRACT, m.Kind.AUDIT_VALUE, m.Kind.AUDIT_CAPABILITY]),
        st.tuples(terminations),
        st.one_of(st.just(()), st.tuples(audits)),
        st.booleans(),
        st.booleans(),
    ),
    st.builds(
        m.Command, st.just(m.Kind.NOTIFY), st.tuples(terminations), st.tuples(st.one_of(observed_events, errors))
    ),
    st.builds(m.Command, st.just(m.Kind.SERVICE_CHANGE), st.tuples(terminations), st.tuples(services)),
)
commands = opaque(commands)
topologies = st.builds(
    m.Topology, terminations, terminations, st.sampled_from(list(m.TopologyDirection)[:3]), maybe(st.integers(1, 65535))
)
context_properties = st.builds(
    m.ContextProperties,
    maybe(st.integers(0, 15)),
    maybe(st.booleans()),
    maybe(tuples(topologies, 1, 2)),
    maybe(st.booleans()),
    tuples(properties(packaged)),
    tuples(st.integers(1, 99)),
).filter(lambda found: found != m.ContextProperties())
context_properties = opaque(context_properties)
context_audits = st.builds(
    m.ContextAudit,
    st.lists(
        st.one_of(st.sampled_from(["Topology", "Emergency", "Priority", "IEPSCall"]), packaged),
        min_size=1,
        max_size=3,
        unique=True,
    ).map(tuple),
    maybe(st.builds(m.ContextProperties, st.integers(0, 15), maybe(st.booleans()), st.none(), maybe(st.booleans()))),
    maybe(st.sampled_from(m.SelectLogic)),
)
context_audits = opaque(context_audits)
actions = st.builds(m.Action, contexts, tuples(commands, 1, 3), maybe(context_properties), maybe(context_audits))
actions = opaque(actions)
returned = st.one_of(
    media,
    muxes,
    events,
    buffers,
    signals,
    digit_maps,
    statistics,
    observed_events,
    errors,
    st.builds(m.Packages, tuples(package_versions, 1, 2)),
)
returned = opaque(returned)
command_replies = st.one_of(
    st.builds(
        m.CommandReply,
        st.sampled_from([m.Kind.ADD, m.Kind.MODIFY, m.Kind.MOVE, m.Kind.SUBTRACT]),
        tuples(terminations, 1, 2),
        _kinds(returned),
    ),
    st.builds(
        m.CommandReply,
        st.sampled_from([m.Kind.AUDIT_VALUE, m.Kind.AUDIT_CAPABILITY]),
        st.tuples(terminations),
        _kinds(returned),
    ),
    st.builds(
        m.CommandReply, st.just(m.Kind.NOTIFY), st.tuples(terminations), st.one_of(st.just(()), st.tuples(errors))
    ),
    st.builds(
        m.CommandReply,
        st.just(m.Kind.SERVICE_CHANGE),
        st.tuples(terminations),
        st.one_of(st.just(()), st.tuples(errors), st.just((m.Services(version=2, profile="profilename/1"),))),
    ),
    st.builds(m.CommandReply, st.just(m.Kind.AUDIT_VALUE), tuples(terminations, 1, 3), st.just(()), st.just(True)),
)
command_replies = opaque(command_replies)
action_replies = st.one_of(
    st.builds(m.ActionReply, contexts, tuples(command_replies, 1, 2), maybe(errors), maybe(context_properties)),
    st.builds(m.ActionReply, contexts, st.just(()), errors),
)
action_replies = opaque(action_replies)
ranges = st.tuples(ids, ids).map(lambda pair: (min(pair), max(pair)))
transactions = st.one_of(
    st.builds(m.Request, ids, tuples(actions, 1, 2)),
    st.builds(m.Reply, ids, tuples(action_replies, 1, 2), st.none(), st.booleans()),
    st.builds(m.Reply, ids, st.just(()), errors, st.booleans()),
    st.builds(m.Pending, ids),
    st.builds(m.Ack, tuples(ranges, 1, 3)),
)
transactions = opaque(transactions)
mids = st.sampled_from(
    ["[192.0.2.10]:2944", "[2001:db8::1]", "<mgc.example.net>:2944", "<mgc>", "gateway_7", "MTP{0102}"]
)
messages = st.one_of(
    st.builds(m.Message, st.just(3), mids, tuples(transactions, 1, 3)),
    st.builds(m.Message, st.just(3), mids, st.just(()), errors),
)
