"""Erlang/OTP's megaco and pycrate as second opinions on our binary encoding. Where we disagree, the cause is listed."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import zip_longest

import msgspec
import pytest
from h248 import forest
from h248.binary_forms import MEGACO
from interop.erlang import Refused, erlang_ber_terms, erlang_recoded, erlang_terms, example_ber, example_messages
from pycrate_asn1dir import H248 as oracle

from workbench.protocols import sdp
from workbench.protocols.h248 import binary, text
from workbench.protocols.h248 import message as m
from workbench.protocols.h248.binary import Values

EXAMPLES = 149
RANDOM = 40
MANY = 1200

BOTH = "megaco writes 3 for SPADirection Both and takes no 2; the module's number is 2 (pycrate, Wireshark)"
DOUBLED = (
    "megaco's text has a name in front of each valued property of an individual audit; by the grammar, and in our BER, "
    "these are items of their own"
)
EXAMPLES_THAT_DIFFER = {
    "msg74a02": BOTH,
    "msg74a04": BOTH,
    "msg74a05": BOTH,
    "msg78a08": BOTH,
    "msg78a09": BOTH,
    "msg76a02": DOUBLED,
}
"""Examples whose octets are not the ones that we write, with the cause. Every one of them does differ."""


@dataclass(frozen=True)
class Disagreement:
    """A message that megaco does not carry from text to BER as the specification says.

    Args:
        body: of a request's one action, in text.
        how: `text`, `encode` or `ours`: its text decoder refuses, its BER encoder refuses, its BER decoder refuses
            ours; `octets`: what it writes is not what the text says; `term`: it writes right and reads otherwise.
        cause: why.
    """

    body: str
    how: str
    cause: str
    mid: str = "[192.0.2.1]"


DISAGREEMENTS = (
    Disagreement("Subtract = $", "encode", "megaco has no IPv6 in BER", "[2001:db8::1]"),
    Disagreement("Subtract = $", "ours", "megaco has no IPv6 in BER", "[2001:db8::1]"),
    Disagreement(
        "Subtract = $", "octets", "megaco puts the hex digits of an MTP address into BER as text", "MTP{0102}"
    ),
    Disagreement(
        "Modify = ROOT { Events = 1 { g/sc { Meth = TO } } }",
        "encode",
        "megaco makes small letters of names in text, and its table of numbers has capitals",
    ),
    Disagreement(
        "Modify = ROOT { Media { TerminationState { root/normalMGExecutionTime = 5 } } }",
        "encode",
        "the same with a property of ROOT",
    ),
    Disagreement(
        "Modify = $ { Media { LocalControl { tdmc/ec = ON } } }",
        "octets",
        "megaco makes small letters of values in text",
    ),
    Disagreement(
        "Modify = $ { Events = 1 { al/on { strict = [exact, state] } } }",
        "octets",
        "megaco's BER encoder drops extraInfo of event parameters: a list becomes alternatives",
    ),
    Disagreement("Modify = $ { Signals { cg/rt { SPADirection = Both } } }", "octets", BOTH),
    Disagreement("Modify = $ { Signals { cg/rt { SPADirection = Both } } }", "ours", BOTH),
    Disagreement(
        "Modify = $ { Events = 1 { al/on { Embed { Signals, Events } } } }",
        "encode",
        "megaco wants a request id of an embedded Events descriptor that is empty; it is OPTIONAL",
    ),
    Disagreement(
        "Modify = $ { Events = 1 { al/on { Embed { Signals, Events } } } }",
        "ours",
        "megaco wants a request id of an embedded Events descriptor that is empty; it is OPTIONAL",
    ),
    Disagreement(
        "AuditValue = $ { Audit { Media { TerminationState { Buffer }, Stream = 1 { LocalControl { Mode } } } } }",
        "octets",
        "megaco's text decoder forgets the state where a stream is asked for as well",
    ),
    Disagreement(
        "AuditValue = $ { Audit { Media { TerminationState { Buffer, nt/jit } } } }",
        "text",
        "megaco's text grammar asks for one item of TerminationState in an audit; in binary the list has no limit",
    ),
    Disagreement(
        "Modify = $/00000000/$",
        "term",
        "megaco misplaces wildcards of single levels when it decodes BER, its own too",
    ),
    Disagreement(
        'Modify = ROOT { Media { LocalControl { ipdc/realm = "access" } } }',
        "encode",
        "megaco's table has the packages of H.248.1 Annex E only",
    ),
    Disagreement(
        'Modify = ROOT { Media { LocalControl { ipdc/realm = "access" } } }',
        "ours",
        "megaco's table has the packages of H.248.1 Annex E only",
    ),
    Disagreement(
        "Reply error without words",
        "ours",
        "megaco wants an error text of one letter at least; IA5String has no least size",
    ),
)


@pytest.fixture(scope="module")
def examples() -> dict[str, tuple[bytes, bytes]]:
    """Text and BER of each example."""
    octets = example_ber()
    return {name: (pretty, octets[name]) for name, pretty in example_messages().items()}


def with_line_feeds(tree: m.Message) -> m.Message:
    """The tree with the line ends of its session descriptions as line feeds: binary has no line ends."""
    return msgspec.json.decode(
        msgspec.json.encode(tree, enc_hook=str).replace(b'"end":"\\r\\n"', b'"end":"\\n"'), type=dict
    )


def test_examples_decode_to_the_tree_of_their_text(examples):
    """BER that megaco made means what its text means, without exceptions but those listed (H.248.1 Annex A)."""
    assert len(examples) == EXAMPLES
    differing = {
        name
        for name, (pretty, octets) in examples.items()
        if with_line_feeds(binary.decode(octets, naming=MEGACO)) != with_line_feeds(text.decode(pretty))
    }
    assert differing == {name for name, cause in EXAMPLES_THAT_DIFFER.items() if cause is DOUBLED}


def test_examples_are_written_as_megaco_writes_them(examples):
    """With bare values our BER of the text's tree is megaco's, octet for octet, but for what is listed."""
    differing = {
        name
        for name, (pretty, octets) in examples.items()
        if binary.encode(text.decode(pretty), naming=MEGACO, values=Values.RAW) != octets
    }
    assert differing == set(EXAMPLES_THAT_DIFFER)
    print(f"{EXAMPLES - len(differing)} of {EXAMPLES} examples octet for octet")
    for name, cause in EXAMPLES_THAT_DIFFER.items():
        print(f"{name}: {cause}")


def test_megaco_reads_our_examples(examples):
    """To megaco our BER is the term of its own; with values wrapped as the specification says it decodes as well."""
    trees = {name: text.decode(pretty) for name, (pretty, _) in examples.items()}
    theirs = erlang_ber_terms([(trees[name].version, octets) for name, (_, octets) in examples.items()])
    for values in Values:
        ours = erlang_ber_terms(
            [(tree.version, binary.encode(tree, naming=MEGACO, values=values)) for tree in trees.values()]
        )
        refused = {name for name, term in zip(trees, ours, strict=True) if isinstance(term, Refused)}
        assert refused == {name for name, cause in EXAMPLES_THAT_DIFFER.items() if cause is BOTH}
        if values is Values.RAW:
            other = {name for name, mine, own in zip(trees, ours, theirs, strict=True) if mine != own}
            assert other == set(EXAMPLES_THAT_DIFFER)


def test_pycrate_reads_our_examples(examples):
    """pycrate finds in our octets what it finds in megaco's; values compared by what they are (module A.2)."""
    module = oracle.MEDIA_GATEWAY_CONTROL.MegacoMessage
    for name, (pretty, octets) in examples.items():
        if name in EXAMPLES_THAT_DIFFER:
            octets = binary.encode(text.decode(pretty), naming=MEGACO, values=Values.RAW)
        module.from_ber(octets)
        bare = module.get_val()
        module.from_ber(binary.encode(text.decode(pretty), naming=MEGACO))
        same_content(module.get_val(), bare, name)


def same_content(ours: object, bare: object, where: str) -> None:
    """Two values of pycrate are the same, octet strings of ours unwrapped where they are wrapped."""
    if isinstance(ours, dict) and isinstance(bare, dict):
        assert ours.keys() == bare.keys(), where
        for key in ours:
            same_content(ours[key], bare[key], f"{where}.{key}")
    elif isinstance(ours, list | tuple) and isinstance(bare, list | tuple):
        if where.endswith(".value") and list(bare) == [b"$"]:
            assert ours == [], where  # CHOOSE is an empty list
            return
        for one, other in zip_longest(ours, bare):
            same_content(one, other, where)
    elif ours != bare:
        assert isinstance(ours, bytes) and isinstance(bare, bytes), where
        assert unwrapped(ours).lower() == bare.lower(), where


def unwrapped(octets: bytes) -> bytes:
    """The text of a value that is wrapped in a BER type; enumerations of the examples are all of `strict` and `ec`."""
    tag, size = octets[0], octets[1]
    assert size == len(octets) - 2
    contents = octets[2:]
    if tag == 1:
        return b"on" if contents[0] else b"off"
    if tag == 2:
        return str(int.from_bytes(contents, "big", signed=True)).encode()
    if tag == 10:
        return {0: b"exact", 1: b"state"}[contents[0]]
    assert tag in (0x0C, 0x16), octets
    return contents


@pytest.mark.parametrize("count", [RANDOM, pytest.param(MANY, marks=pytest.mark.long)])
def test_random_messages(count):
    """Of messages that megaco can say, its BER is ours and decodes to our tree; it reads ours, and our text."""
    trees = [forest.message(seed, megaco=True) for seed in range(count)]
    pretty = [text.encode(tree, "pretty") for tree in trees]
    bare = [binary.encode(tree, naming=MEGACO, values=Values.RAW) for tree in trees]
    recoded = erlang_recoded(pretty)
    for tree, original, octets, theirs in zip(trees, pretty, bare, recoded, strict=True):
        assert not isinstance(theirs, Refused), (original, theirs[:300])
        assert theirs == octets, original
        assert binary.decode(theirs, naming=MEGACO) == tree
    terms = erlang_terms(pretty)
    assert erlang_terms([text.encode(tree, "compact") for tree in trees]) == terms
    read = erlang_ber_terms([(3, binary.encode(tree, naming=MEGACO)) for tree in trees])
    assert not [term for term in (*read, *terms) if isinstance(term, Refused)]


def test_each_disagreement_is_one():
    """What is listed occurs, and pycrate is on our side."""
    trees = [tree_of(case) for case in DISAGREEMENTS]
    pretty = [text.encode(tree) for tree in trees]
    bare = [binary.encode(tree, naming=MEGACO, values=Values.RAW) for tree in trees]
    module = oracle.MEDIA_GATEWAY_CONTROL.MegacoMessage
    for tree, octets in zip(trees, bare, strict=True):
        module.from_ber(octets)
        assert module.to_ber() == octets
        assert binary.decode(octets, naming=MEGACO) == tree
    terms, recoded = erlang_terms(pretty), erlang_recoded(pretty)
    read = erlang_ber_terms([(3, octets) for octets in bare])
    for case, octets, term, theirs, ours in zip(DISAGREEMENTS, bare, terms, recoded, read, strict=True):
        print(f"{case.how:6} {case.body}: {case.cause}")
        found = {
            "text": isinstance(term, Refused),
            "encode": not isinstance(term, Refused) and isinstance(theirs, Refused),
            "octets": not isinstance(theirs, Refused) and theirs != octets,
            "ours": isinstance(ours, Refused),
            "term": theirs == octets and not isinstance(ours, Refused) and ours != term,
        }
        assert found[case.how], (case, term, theirs, ours)


def tree_of(case: Disagreement) -> m.Message:
    if case.body.startswith("Reply"):
        return m.Message(3, case.mid, (m.Reply(1, (), m.ErrorDescriptor(500, "")),))
    return text.decode(f"MEGACO/3 {case.mid} Transaction = 1 {{ Context = 1 {{ {case.body} }} }}".encode())


def test_sdp_is_one_tree_whatever_its_line_ends():
    """CRLF of a text and the line feed of binary are the same lines."""
    crlf, lf = sdp.decode(b"v=0\r\nc=IN IP4 $\r\n"), sdp.decode(b"v=0\nc=IN IP4 $\n")
    assert [(line.type, line.value) for line in crlf.lines] == [(line.type, line.value) for line in lf.lines]
    tree = text.decode(
        b"MEGACO/2 [192.0.2.1] Transaction=1{Context=$ {Add=${Media{Local{\r\nv=0\r\nc=IN IP4 $\r\n}}}}}"
    )
    assert with_line_feeds(binary.decode(binary.encode(tree))) == with_line_feeds(tree) != tree
