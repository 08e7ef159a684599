"""The binary encoding: what it refuses and where, names and values without numbers, naming of terminations."""

from __future__ import annotations

import pytest
from counting import work
from h248.binary_forms import IQ, MEGACO, NAMES, has_octets, made_indefinite, octets_of
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import LocalProtocolError, MalformedMessageError
from workbench.protocols import sdp
from workbench.protocols.h248 import binary, text
from workbench.protocols.h248 import message as m
from workbench.protocols.h248.binary import HexadecimalNaming, PerLevelNaming, Values, ber
from workbench.protocols.h248.binary.ber import tlv
from workbench.protocols.h248.binary.names import Names
from workbench.protocols.h248.binary.naming import Bits, Field
from workbench.protocols.h248.packages import ItemKind, registry


def written(body: str, version: int = 3) -> m.Message:
    """The tree of a request with one action, from text."""
    return text.decode(f"MEGACO/{version} [192.0.2.1] Transaction=1{{Context=1{{{body}}}}}".encode())


def command_of(tree: m.Message) -> m.Command:
    (request,) = tree.body
    return request.actions[0].commands[0]


def through(tree: m.Message, **options) -> m.Message:
    return binary.decode(binary.encode(tree, **options), naming=options.get("naming"))


# --- what is refused, and where --------------------------------------------------------------------------------------


def frame(body: bytes, version: bytes = b"\x03", mid: bytes | None = None, behind: bytes = b"") -> bytes:
    """A message from its parts, right or wrong."""
    who = mid if mid is not None else tlv(0xA0, tlv(0x80, bytes((192, 0, 2, 1))))
    return tlv(0x30, tlv(0xA1, tlv(0x80, version) + tlv(0xA1, who) + tlv(0xA2, body) + behind))


PENDING = tlv(0xA1, tlv(0xA1, tlv(0x80, b"\x07")))


@pytest.mark.parametrize(
    ("octets", "offset", "what", "clause"),
    [
        (b"", 0, "an empty message", "MegacoMessage"),
        (b"MEGACO/2 [192.0.2.1]", 0, "octet 0x4D where a MegacoMessage begins with 0x30", "MegacoMessage"),
        (frame(PENDING) + b"\0", 26, "octets behind the message", "MegacoMessage"),
        (frame(PENDING, b"\x64"), 6, "number 100, not 0 to 99", "Annex A"),
        (frame(PENDING, b""), 6, "a number of 0 octets", "Annex A"),
        (frame(tlv(0xA1, b"")), 2, "a message without a transaction", "MegacoMessage"),
        (frame(b""), 19, "MessageBody is empty", "MessageBody"),
        (frame(PENDING + PENDING), 26, "more than one MessageBody", "MessageBody"),
        (frame(tlv(0xA5, b"")), 19, r"tag \[5\] instead of MessageBody", "MessageBody"),
        (frame(tlv(0xA1, tlv(0xA1, b""))), 23, "transactionId is missing", "TransactionPending"),
        (frame(tlv(0xA1, tlv(0xA1, tlv(0x80, b"\1") * 2))), 26, "transactionId twice", "TransactionPending"),
        (frame(tlv(0xA1, tlv(0xA0, tlv(0xA1, b"") + tlv(0x80, b"\1")))), 25, "transactionId behind actions", "Request"),
        (frame(tlv(0xA1, tlv(0xA1, tlv(0xA0, b"")))), 23, "transactionId in the constructed form", "Pending"),
        (
            frame(tlv(0xA1, tlv(0xA1, tlv(0x80, b"\1" * 5)))),
            25,
            "number 4311810305, not 0 to 4294967295",
            "TransactionId",
        ),
        (frame(tlv(0xA1, tlv(0x30, b""))), 21, "tag SEQUENCE instead of Transaction", "Transaction"),
        (frame(PENDING, mid=tlv(0x83, b"a b")), 11, "'a b' is no device name", "Mid"),
        (frame(PENDING, mid=tlv(0x83, b"")), 11, "0 octets where 1 to 64 are due", "PathName"),
        (frame(PENDING, mid=tlv(0xA0, tlv(0x80, b"123"))), 13, "3 octets where 4 are due", "Annex A"),
        (frame(PENDING, mid=tlv(0xA2, tlv(0x80, b"a\nb"))), 11, "no domain name", "DomainName"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(octets, offset, what, clause):
    """What a message breaks, at which octet, and in which type of the module (H.248.1 Annex A)."""
    with pytest.raises(MalformedMessageError, match=what) as refused:
        binary.decode(octets)
    assert clause in refused.value.clause
    assert refused.value.offset == offset


def test_too_long_is_refused_unread():
    """The limit stands before anything is looked at."""
    with pytest.raises(MalformedMessageError, match="longer than 100 octets") as refused:
        binary.decode(bytes(101), max_octets=100)
    assert refused.value.offset == 100


def test_unknown_extensions_are_skipped():
    """Behind an extension marker a later version may add; in front of one, or without one, nothing may stand."""
    extension = tlv(0xBF, b"")[:1] + b"\x1f" + tlv(0x04, b"later")[1:]  # tag [31], in the long form
    tree = binary.decode(frame(PENDING, behind=tlv(0x83, b"new") + tlv(0xA9, tlv(0x04, b"x"))))
    assert tree == binary.decode(frame(PENDING))
    assert binary.decode(frame(PENDING, behind=extension)) == tree
    assert binary.decode(made_indefinite(frame(PENDING, behind=tlv(0xA9, tlv(0xA4, tlv(0x04, b"x")))))) == tree
    later = tlv(0xA1, tlv(0xA9, b"") + tlv(0xA1, tlv(0x80, b"\x07")))  # a kind of transaction nobody knows yet
    assert binary.decode(frame(later)) == tree
    with pytest.raises(MalformedMessageError, match=r"tag \[2\] in MegacoMessage"):
        binary.decode(tlv(0x30, frame(PENDING)[2:] + tlv(0x82, b"")))


def test_ids_without_their_leading_zero_are_understood():
    """A 32-bit id that is written in four octets although its top bit is set means itself, as some send it."""
    tree = binary.decode(frame(tlv(0xA1, tlv(0xA1, tlv(0x80, b"\xff\xff\xff\xfe")))))
    assert tree.body == (m.Pending(0xFFFFFFFE),)
    assert binary.decode(binary.encode(tree)) == tree


def test_strings_in_pieces_are_put_together():
    """BER may cut a string into pieces (X.690 §8.7.3, §8.6.4)."""
    whole = frame(tlv(0xA0, tlv(0x80, b"\x01\xf4") + tlv(0x81, b"text")))
    pieces = frame(tlv(0xA0, tlv(0x80, b"\x01\xf4") + tlv(0xA1, tlv(0x16, b"te") + tlv(0x36, tlv(0x16, b"xt")))))
    assert binary.decode(pieces) == binary.decode(whole)
    assert binary.decode(made_indefinite(pieces)) == binary.decode(whole)
    assert binary.decode(whole).error == m.ErrorDescriptor(500, "text")
    tree = written("AuditValue=0x01{Audit{Media,Packages}}")
    bits = tlv(0x80, b"\x07\x20\x80")
    octets = made_indefinite(binary.encode(tree))  # so that no length around it has to change
    assert bits in octets
    assert binary.decode(octets.replace(bits, tlv(0xA0, tlv(3, b"\0\x20") + tlv(3, b"\x07\x80")))) == tree
    with pytest.raises(MalformedMessageError, match="unused bits inside a bit string"):
        binary.decode(octets.replace(bits, tlv(0xA0, tlv(3, b"\1\x20") + tlv(3, b"\x07\x80"))))


@pytest.mark.parametrize("layer", [b"\x30\x80", b"\xa2\x80", b"\x24\x80", b"\x30\x84\x7f\xff\xff\xff"])
def test_depth_bombs(layer):
    """A nest of openings costs no more than a look at its outermost ones."""

    def refused(octets):
        with pytest.raises(MalformedMessageError):
            binary.decode(octets)

    refused(b"\x30\x80")  # what is done once in a process
    for octets in (layer * 40_000, frame(b"")[:19] + layer * 40_000):
        calls, depth = work(refused, octets)
        assert calls < 3_000 and depth < 100


def test_regulated_events_in_regulated_events_are_bounded():
    """The one type that may lie in itself (SecondRequestedActions) does so to a bounded depth."""
    events = tlv(0xA0, tlv(0x80, b"\1") + tlv(0xA1, b""))
    for _ in range(30):
        event = tlv(0x80, b"\0\x09\0\4") + tlv(0xA2, tlv(0xA3, tlv(0xA1, events))) + tlv(0xA3, b"")
        events = tlv(0xA0, tlv(0x80, b"\1") + tlv(0xA1, tlv(0x30, event)))
    event = tlv(0x80, b"\0\x09\0\4") + tlv(0xA2, tlv(0xA4, tlv(0xA1, events))) + tlv(0xA3, b"")
    descriptor = tlv(0xA3, tlv(0x80, b"\1") + tlv(0xA1, tlv(0x30, event)))
    add = tlv(0xA0, tlv(0xA0, tlv(0x30, tlv(0xA0, b"") + tlv(0x81, b"\1"))) + tlv(0xA1, descriptor))
    action = tlv(0x30, tlv(0x80, b"\1") + tlv(0xA3, tlv(0x30, tlv(0xA0, add))))
    with pytest.raises(MalformedMessageError, match="nested 4 deep"):
        binary.decode(frame(tlv(0xA1, tlv(0xA0, tlv(0x80, b"\1") + tlv(0xA1, action)))))
    assert binary.decode(frame(PENDING)).body == (m.Pending(7),)  # and the next message is not any worse for it


MANY = {
    "acknowledgements": lambda octets: tlv(0xA1, tlv(0xA3, octets)),
    "pendings": lambda octets: tlv(0xA1, octets),
    "unknown": lambda octets: tlv(0xA1, octets + PENDING[2:]),
}
EACH = {
    "acknowledgements": tlv(0x30, tlv(0x80, b"\1")),
    "pendings": tlv(0xA1, tlv(0x80, b"\1")),
    "unknown": tlv(0xA9, b""),
}


@pytest.mark.parametrize("what", MANY)
@pytest.mark.parametrize("indefinite", [False, True])
def test_work_of_64_kilo_octets(what, indefinite):
    """As much for each element, however many there are."""
    each = EACH[what]
    elements = 65_000 // len(made_indefinite(each) if indefinite else each)
    octets = frame(MANY[what](each * elements))
    octets = made_indefinite(octets) if indefinite else octets
    assert 60_000 < len(octets) < 66_000
    binary.decode(octets)
    calls, depth = work(binary.decode, octets)
    assert calls < 30 * elements and depth < 100


@given(st.binary(max_size=300))
def test_garbage(octets):
    """Only the codec's own error leaves, whatever the octets are."""
    for candidate in (octets, b"\x30" + octets, frame(octets), frame(tlv(0xA1, tlv(0xA0, octets)))):
        try:
            binary.decode(candidate)
        except MalformedMessageError as error:
            assert error.offset is None or 0 <= error.offset <= len(candidate)


@given(st.sampled_from([name for name in NAMES if has_octets(name)]), st.data())
def test_changed_octets(name, data):
    """A vector with an octet changed is another message, or is refused; nothing else happens."""
    octets = bytearray(octets_of(name))
    for _ in range(data.draw(st.integers(1, 3))):
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    for naming in (None, IQ):
        try:
            tree = binary.decode(bytes(octets), naming=naming)
        except MalformedMessageError as error:
            assert error.offset is None or 0 <= error.offset <= len(octets)
        else:
            assert isinstance(tree, m.Message)


# --- the error message -----------------------------------------------------------------------------------------------


def test_is_error_message():
    """What only reports an error is never answered with one, nor is what is no message at all."""
    error = frame(tlv(0xA0, tlv(0x80, b"\x01\x90")))
    assert binary.decode(error).error == m.ErrorDescriptor(400)
    for octets in (error, made_indefinite(error), error[:-1] + b"\xff", error + b"junk"):
        assert binary.is_error_message(octets)
    for octets in (b"", b"MEGACO", b"\x30", b"\x30\x80", b"\x30\x05\xa1\x03\x80\x01\x02"):
        assert binary.is_error_message(octets)
    for octets in (frame(PENDING), made_indefinite(frame(PENDING)), frame(PENDING)[:-1], frame(tlv(0xA1, b"\xff\xff"))):
        assert not binary.is_error_message(octets)
    authenticated = m.Message(2, "gw", (), m.ErrorDescriptor(400), m.Authentication(b"1234", b"5678", bytes(12)))
    assert binary.is_error_message(binary.encode(authenticated))


# --- names -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "what"),
    [
        ("Modify=0x01{Media{LocalControl{nobody/x=1}}}", "package 'nobody' is not in the registry"),
        ("Modify=0x01{Media{LocalControl{ipdc/x=1}}}", "property 'ipdc/x' is in no package of the registry"),
        ("Modify=0x01{Signals{ipdc/realm}}", "signal 'ipdc/realm' is in no package"),
        ("Modify=0x01{Signals{tcpbcc/EstBNC}}", "signal 'tcpbcc/EstBNC' has no id that is known"),
        ("Modify=0x01{Events=1{g/cause{wrong=1}}}", "parameter 'wrong' of 'g/cause' is not in the registry"),
        ("Modify=termination", "termination 'termination' has no octets"),
        ("Modify=0x010203040506070809", "has no octets"),
        ("Modify=0x01{DigitMap=plan}", "digit map 'plan': in binary its name is two octets"),
        ("Modify=0x01{Events=1{dd/ce{DigitMap=0x0001{0xx}}}}", "has a name or a value, not both"),
        ("Modify=0x01{Events=1{dd/ce{DigitMap={T:100,0xx}}}}", "100 is not 0 to 99"),
        ("ServiceChange=ROOT{Services{Method=X-Odd,Reason=901}}", "no ServiceChange with method X-Odd"),
        ("ServiceChange=ROOT{Services{Method=Restart,Reason=901,X-ABC=1}}", "has 5 octets"),
        ("AuditValue=0x01{Audit{Statistics{rtp/ps,rtp/pr}}}", "asks for one statistic at a time"),
        ("Priority=16,Subtract=0x01", "16 is not 0 to 15"),
    ],
)
def test_what_binary_can_not_carry_is_named(body, what):
    """The refusal says which thing, and what would help."""
    tree = written(body)
    with pytest.raises(LocalProtocolError, match=what):
        binary.encode(tree)


@pytest.mark.parametrize("mid", ["MTP{01023}", "[1.2.3]", "[1::2::3]", "[1.2.3.4]:99999", "<a b>", "a b", "", "x" * 65])
def test_what_is_no_message_identifier_is_refused(mid):
    """Who sent a message is said in a form that the peer can read."""
    with pytest.raises(LocalProtocolError):
        binary.encode(m.Message(2, mid, (m.Pending(1),)))


def test_numbers_that_nobody_knows_survive():
    """Packages, items and parameters without a name keep their numbers, and go back to the same octets."""
    tree = written(
        "Modify=0x01{Media{LocalControl{0x1234/0x0005=abc,ipdc/0x0777=0x00FF}},"
        "Events=1{0x1234/0x0001{0x0002=1},al/0x00AA,g/cause{0x0044=bare},*/*,al/*},Signals{0x7F00/*}}"
    )
    octets = binary.encode(tree)
    assert binary.decode(octets) == tree
    assert bytes.fromhex("12340005") in octets and bytes.fromhex("009d0777") in octets
    assert bytes.fromhex("ffffffff") in octets and bytes.fromhex("0009ffff") in octets
    assert tlv(0x04, b"\x00\xff") in octets and tlv(0x04, b"abc") in octets
    with pytest.raises(MalformedMessageError, match="a wildcard for the package with an item of its own"):
        binary.decode(octets.replace(bytes.fromhex("12340001"), bytes.fromhex("ffff0001")))


def test_items_of_extended_packages():
    """An item of a package that is extended has the number of the package that extends it."""
    tree = written("Modify=0x01{Events=1{dd/std}}")
    octets = binary.encode(tree)
    assert bytes.fromhex("00060001") in octets
    assert binary.decode(octets) == tree


# --- values ----------------------------------------------------------------------------------------------------------

REALM = bytes.fromhex("009d0001")


def value_octets(body: str) -> bytes:
    """The contents of the OCTET STRING of the only value."""
    octets = binary.encode(written(body))
    elements = [e for e in ber.elements(octets) if e.header.number == 4 and e.header.tag_class == ber.UNIVERSAL]
    (value,) = (octets[e.header.content : e.stop] for e in elements)
    return value


@pytest.mark.parametrize(
    ("body", "octets"),
    [
        ("Modify=0x01{Media{LocalControl{tdmc/ec=ON}}}", "0101ff"),
        ("Modify=0x01{Media{LocalControl{tdmc/ec=off}}}", "010100"),
        ("Modify=0x01{Media{LocalControl{nt/jit=40}}}", "020128"),
        ("Modify=0x01{Media{LocalControl{tdmc/gain=-129}}}", "0202ff7f"),
        ("Modify=0x01{Statistics{nt/os=4294967296}}", "02050100000000"),
        ('Modify=0x01{Media{LocalControl{ipdc/realm="core"}}}', "1604636f7265"),
        ('Modify=0x01{Media{LocalControl{ipdc/realm="\xc3\xa9"}}}'.encode().decode("latin-1"), None),
        ("Modify=0x01{Media{LocalControl{ds/dscp=2E}}}", "04012e"),
        ("Modify=0x01{Events=1{g/cause{Generalcause=FT}}}", "0a0103"),
        ("Modify=0x01{Events=1{g/cause{Generalcause=77}}}", "0a014d"),
        ("Modify=0x01{Events=1{g/sc{SigID=cg/rt}}}", "040400070031"),
        ("Modify=0x01{Media{LocalControl{nt/jit=soon}}}", "1604736f6f6e"),
        ("Modify=0x01{Media{LocalControl{nt/jit=0x30FF}}}", "30ff"),
    ],
)
def test_values_are_wrapped_as_their_type_says(body, octets):
    """A value is BER of its type in an OCTET STRING; what is none of its type goes as a string (H.248.1 Annex A.2)."""
    tree = written(body)
    if octets is not None:
        assert value_octets(body).hex() == octets
    again = through(tree)
    assert str(again).lower() == str(tree).lower()


@pytest.mark.parametrize(
    ("wire", "value"),
    [
        (b"core", "core"),
        (b"\x16\x04core", "core"),
        (b"\x0c\x02\xc3\xa9", "\u00e9"),
        (b"\x04\x04core", "core"),
        (b"\x02\x01\x28", "40"),
        (b"\x01\x01\x00", "OFF"),
        (b"\x16\x81\x04core", "core"),
        (b"\x16\x05core", "0x1605636F7265"),
        (b"\x16\x01\xff", "0x1601FF"),
        (b"\x16\x01$", "0x160124"),
        (b"$", "$"),
        (b"\x00", "0x00"),
        (b"", ""),
    ],
)
def test_values_are_read_leniently(wire, value):
    """Bare text, another type, and octets that are nothing are all kept, each in a text of its own."""
    parm = tlv(0x30, tlv(0x80, REALM) + tlv(0xA1, tlv(0x04, wire)))
    media = tlv(0xA0, tlv(0xA1, tlv(0xA0, tlv(0xA0, tlv(0xA3, parm)))))
    command = tlv(0xA2, tlv(0xA0, tlv(0x30, tlv(0xA0, b"") + tlv(0x81, b"\1"))) + tlv(0xA1, media))
    action = tlv(0x30, tlv(0x80, b"\1") + tlv(0xA3, tlv(0x30, tlv(0xA0, command))))
    tree = binary.decode(frame(tlv(0xA1, tlv(0xA0, tlv(0x80, b"\1") + tlv(0xA1, action)))))
    found = command_of(tree).descriptor(m.Media).streams[0].local_control.property("ipdc/realm")
    assert found.values == (value,)


@pytest.mark.parametrize(
    "given",
    ["=$", "=a", "={a}", "={a,b}", "=[a]", "=[a,b]", "=[a:b]", ">a", "<a", "#a"],
)
def test_forms_of_values(given):
    """Each form of H.248.1 Annex B has its own in binary: CHOOSE is no value at all."""
    tree = written(f"Modify=0x01{{Media{{LocalControl{{ipdc/realm{given}}}}}}}")
    assert through(tree) == tree
    if given == "=$":
        assert tlv(0x80, REALM) + tlv(0xA1, b"") in binary.encode(tree)
        assert tlv(0x80, REALM) + tlv(0xA1, tlv(0x04, b"$")) in binary.encode(tree, values=Values.RAW)


@pytest.mark.parametrize("values", [0, 1, 3])
def test_a_range_has_two_values(values):
    """A range of anything but two values, or a relation to several, is refused."""
    tree = written("Modify=0x01{Media{LocalControl{ipdc/realm=[a:b]}}}")
    pair = tlv(0xA1, tlv(0x04, b"\x16\x01a") + tlv(0x04, b"\x16\x01b"))
    octets = binary.encode(tree)
    assert pair in octets
    if values == 1:  # the same size: one value of twice the length
        with pytest.raises(MalformedMessageError, match="1 values of ipdc/realm where 2 are due"):
            binary.decode(octets.replace(pair, tlv(0xA1, tlv(0x04, b"\x16\x06abcdef"))))
    broken = m.Property("ipdc/realm", ("a",) * values, m.Form.GREATER)
    control = m.LocalControl(properties=(broken,))
    command = m.Command(m.Kind.MODIFY, ("0x01",), (m.Media((m.StreamDescriptor(1, control),)),))
    if values != 1:
        with pytest.raises(LocalProtocolError, match="asks for one"):
            binary.encode(m.Message(2, "gw", (m.Request(1, (m.Action(1, (command,)),)),)))


# --- session descriptions --------------------------------------------------------------------------------------------


def local_of(tree: m.Message) -> tuple[sdp.SessionDescription, ...]:
    local = command_of(tree).descriptor(m.Media).streams[0].local
    assert local is not None
    return local


def with_local(*groups: bytes) -> bytes:
    """A message with these property groups in Local."""
    local = tlv(0xA1, tlv(0xA0, b"".join(tlv(0x30, group) for group in groups)))
    media = tlv(0xA0, tlv(0xA1, tlv(0xA0, local)))
    command = tlv(0xA2, tlv(0xA0, tlv(0x30, tlv(0xA0, b"") + tlv(0x81, b"\1"))) + tlv(0xA1, media))
    action = tlv(0x30, tlv(0x80, b"\1") + tlv(0xA3, tlv(0x30, tlv(0xA0, command))))
    return frame(tlv(0xA1, tlv(0xA0, tlv(0x80, b"\1") + tlv(0xA1, action))))


def line(tag: int, *values: bytes) -> bytes:
    """A property of Annex C."""
    return tlv(0x30, tlv(0x80, b"\0\0" + tag.to_bytes(2, "big")) + tlv(0xA1, b"".join(tlv(4, v) for v in values)))


def test_lines_and_alternatives_keep_their_order():
    """Each line is a property, each description a group, and nothing changes its place."""
    body = "Add=${Media{Local{\nv=0\nc=IN IP4 $\nm=audio $ RTP/AVP 0\na=b\na=a\nv=0\nm=video $ RTP/AVP 31\nb=AS:1\n}}}"
    tree = written(body)
    assert len(local_of(tree)) == 2
    assert through(tree) == tree
    assert through(written("Add=${Media{Local{}}}")) == written("Add=${Media{Local{}}}")


def test_wrapped_and_bare_lines_and_texts_are_the_same():
    """What peers put into the value of a line: a string, bare text, or the whole description."""
    wrapped = with_local(line(0xB001, b"\x16\x010") + line(0xB008, tlv(0x16, b"IN IP4 $")))
    bare = with_local(line(0xB001, b"0") + line(0xB008, b"IN IP4 $"))
    whole = with_local(line(0xB001, b"0\r\nc=IN IP4 $"))
    doubled = with_local(line(0xB001, b"v=0\r\nc=IN IP4 $\r\n"))
    trees = [binary.decode(octets) for octets in (wrapped, bare, whole, doubled)]
    assert trees == [trees[0]] * 4
    assert [str(one) for one in local_of(trees[0])[0].lines] == ["v=0\n", "c=IN IP4 $\n"]


def test_a_line_without_a_value_is_to_be_chosen():
    """An empty list of values is CHOOSE there too."""
    octets = with_local(line(0xB001, tlv(0x16, b"0")) + line(0xB008))
    (described,) = local_of(binary.decode(octets))
    assert [str(one) for one in described.lines] == ["v=0\n", "c=$\n"]
    assert binary.encode(binary.decode(octets)) == octets


def test_lines_that_break_a_rule_are_kept():
    """A bad line is for who executes the command to refuse, not a reason to drop the message (449, 474)."""
    octets = with_local(line(0xB001, tlv(0x16, b"0")) + line(0xB00F, tlv(0x16, b"audio")))
    (described,) = local_of(binary.decode(octets))
    assert not described.media and [one.value for one in described.lines] == ["0", "audio"]
    assert binary.encode(binary.decode(octets)) == octets


@pytest.mark.parametrize(
    ("parm", "written_as"),
    [
        (tlv(0x80, REALM) + tlv(0xA1, tlv(4, b"\x16\x04core")), 'a=h248item:ipdc/realm="core"\n'),
        (tlv(0x80, REALM) + tlv(0xA1, b""), "a=h248item:ipdc/realm=$\n"),
        (
            tlv(0x80, bytes.fromhex("00006001")) + tlv(0xA1, tlv(4, b"\4\4\1\2\3\4")),
            "a=h248item:annexc/IPv4=01020304\n",
        ),
        (tlv(0x80, bytes.fromhex("00001001")) + tlv(0xA1, tlv(4, b"\x0a\1\1")), "a=h248item:annexc/Media=Video\n"),
        (tlv(0x80, bytes.fromhex("0000A0FF")) + tlv(0xA1, tlv(4, b"\x02\1\1")), "a=h248item:annexc/0xA0FF=0x020101\n"),
        (tlv(0x80, bytes.fromhex("12340005")) + tlv(0xA1, tlv(4, b"x")), "a=h248item:0x1234/0x0005=x\n"),
        (
            tlv(0x80, REALM) + tlv(0xA1, tlv(4, b"\x16\1a") + tlv(4, b"\x16\1b")) + tlv(0xA2, tlv(0x81, b"\xff")),
            'a=h248item:ipdc/realm=["a":"b"]\n',
        ),
        (
            tlv(0x80, REALM) + tlv(0xA1, tlv(4, b"\x16\1a") + tlv(4, b"\x16\1b")) + tlv(0xA2, tlv(0x82, b"\0")),
            'a=h248item:ipdc/realm={"a","b"}\n',
        ),
        (tlv(0x80, REALM) + tlv(0xA1, tlv(4, b"\x16\1a")) + tlv(0xA2, tlv(0x80, b"\0")), 'a=h248item:ipdc/realm>"a"\n'),
    ],
)
def test_other_properties_of_local_become_an_attribute(parm, written_as):
    """What is no line of SDP is carried as H.248.15 has it in text, and becomes the same property again."""
    octets = with_local(line(0xB001, tlv(0x16, b"0")) + tlv(0x30, parm))
    (described,) = local_of(binary.decode(octets))
    assert str(described.lines[1]) == written_as
    assert binary.encode(binary.decode(octets)) == octets


def test_an_audit_of_local_asks_for_lines():
    """Lines that are asked for are named by their tags, and have no value to tell."""
    described = sdp.SessionDescription((sdp.Line("c", "-", "\n"), sdp.Line("a", "h248item:ipdc/realm", "\n")), ())
    media = m.Media((m.StreamDescriptor(1, None, (described,), (described,)),), None, True)
    command = m.Command(m.Kind.AUDIT_VALUE, ("0x01",), (m.Audit((m.AuditItem("Media", media),)),))
    tree = m.Message(3, "gw", (m.Request(1, (m.Action(1, (command,)),)),))
    assert through(tree) == tree
    assert binary.encode(tree).count(tlv(0x30, tlv(0x80, b"\0\0\xb0\x08"))) == 2


# --- what only binary has --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("identifier", ["1.3.6.1.4.1", "h221:181/0/1/18", "X-MUXMUX"])
def test_data_of_a_manufacturer(identifier):
    """nonStandardData of Mux, Modem and ServiceChange; eight letters are an extension of ServiceChange in text."""
    own = m.NonStandard(identifier, b"\x01\x02")
    mux = m.Command(m.Kind.MODIFY, ("0x01",), (m.Mux("H221", ("0x01",), own), m.Modem(("V90",), (), own)))
    tree = m.Message(2, "gw", (m.Request(1, (m.Action(1, (mux,)),)),))
    assert through(tree) == tree
    services = m.Services(m.Method.RESTART, "901", non_standard=own)
    change = m.Command(m.Kind.SERVICE_CHANGE, ("ROOT",), (services,))
    again = command_of(through(m.Message(2, "gw", (m.Request(1, (m.Action(0, (change,)),)),)))).descriptors[0]
    if identifier.startswith("X-"):
        assert again.extensions == (m.Property("X-MUXMUX", ("0x0102",)),)
        again = m.Services(m.Method.RESTART, "901", non_standard=own)
    assert again == services
    with pytest.raises(LocalProtocolError, match=f"no place for the data of {identifier}"):
        text.encode(tree)


def test_tokens_of_an_audit_s_reply_come_together():
    """Descriptors that are there and empty are one list of tokens (emptyDescriptors)."""
    tree = text.decode(b"MEGACO/2 [192.0.2.1] Reply=1{Context=1{AuditValue=0x01{Media,Statistics,Packages}}}")
    octets = binary.encode(tree)
    assert octets.count(b"\xab\x05\x80\x03\x07\x22\x80") == 1
    assert binary.decode(octets) == tree


@pytest.mark.parametrize(
    ("given", "back"),
    [
        ("Notify=0x01{Error=500{}}", None),
        ("AuditValue=0x01", "AuditValue=0x01{Audit{}}"),
        ("AuditValue=0x01{Audit{Packages,Media}}", "AuditValue=0x01{Audit{Media,Packages}}"),
        ("AuditValue=0x01{Audit{DigitMap=0x0001,Media}}", "AuditValue=0x01{Audit{Media,DigitMap=0x0001}}"),
        ("Modify=0x01{Signals{cg/rt{NotifyCompletion={IBS,TO}}}}", "Modify=0x01{Signals{cg/rt{NC={TO,IBS}}}}"),
        ("Topology{0x01,0x02,OnewayBoth},Subtract=0x01", "Topology{0x01,0x02,Oneway,OnewayBoth},Subtract=0x01"),
        ("Modify=0x01{Statistics{nt/os=[5]}}", "Modify=0x01{Statistics{nt/os=5}}"),
        ("Modify=0x01{Media{LocalControl{NT/Jit=040}}}", "Modify=0x01{Media{LocalControl{nt/jit=40}}}"),
        ("Modify=0x01{Events=1{al/on{Strict=STATE}}}", "Modify=0x01{Events=1{al/on{strict=state}}}"),
        ("Modify=0x01{Media{Local{\r\nv=0\r\nc=IN IP4 $\r\n}}}", "Modify=0x01{Media{Local{\nv=0\nc=IN IP4 $\n}}}"),
    ],
)
def test_what_text_can_say_in_several_ways_comes_back_in_one(given, back):
    """The meaning is kept; the order of tokens, the spelling of names and numbers and line ends are not in binary."""
    assert through(written(given)) == written(back or given)


def test_a_failed_audit_of_a_context():
    """The terminations of a context, or why they can't be told (AuditReply)."""
    for body in ("AuditValue=Context{Error=411{}}", "AuditValue=Context{0x01,0x02}", "AuditValue=0x01{Error=430{}}"):
        tree = text.decode(f"MEGACO/3 [192.0.2.1] Reply=1{{Context=1{{{body}}}}}".encode())
        assert through(tree) == tree


# --- naming ----------------------------------------------------------------------------------------------------------


@given(st.binary(min_size=1, max_size=8), st.lists(st.integers(0, 255), max_size=3))
def test_hexadecimal_names_are_reversible(octets, wildcards):
    """Any octets have a text, and the text gives them back, but for a wildcard over everything."""
    naming = HexadecimalNaming()
    name = naming.text(wildcards, octets)
    if name not in ("*", "$"):
        there, back = naming.octets(name)
        assert (list(there), back) == (wildcards, octets)
    assert text.decode(f"MEGACO/1 [1.1.1.1] Transaction=1{{Context=1{{Add={name}}}}}".encode())


def test_hexadecimal_names():
    """What the texts look like."""
    naming = HexadecimalNaming()
    assert naming.text((), bytes(4)) == "0x00000000"
    assert naming.text((), b"\xff" * 8) == "ROOT" and naming.text((), b"\xff" * 4) == "0xFFFFFFFF"
    assert naming.text((0xDF,), bytes(4)) == "*" and naming.text((0x5F,), bytes(4)) == "$"
    assert naming.text((0x5B,), b"\x20\0\0\0") == "0x20000000/$27..0"
    assert naming.text((0x9B,), b"\x20\0\0\0") == "0x20000000/*27"
    assert naming.octets("*") == ((0xDF,), bytes(4))
    assert HexadecimalNaming(8, b"\xff" * 4).octets("$") == ((0x7F,), bytes(8))
    assert HexadecimalNaming(8, b"\xff" * 4).text((), b"\xff" * 4) == "ROOT"


def test_levels():
    """Ids in levels, as megaco has them, and in fields with words, as the vectors have them."""
    for name, wildcards, octets in (
        ("11111111/00000000/00000001", [], "ff0001"),
        ("*", [0xD7], "000000"),
        ("$", [0x57], "000000"),
        ("11111111/*", [0xCF], "ff0000"),
        ("11111111/*/00000001", [0x8F], "ff0001"),
        ("11111111/00000000/$", [0x07], "ff0000"),
        ("$/00000000/$", [0x17, 0x07], "000000"),
    ):
        assert MEGACO.octets(name) == (wildcards, bytes.fromhex(octets)), name
        assert MEGACO.text(wildcards, bytes.fromhex(octets)) == name
    assert IQ.octets("ip/1/access/17") == ([], bytes.fromhex("21010011"))
    assert IQ.text([], bytes.fromhex("21030011")) == "ip/1/3/17"
    for wrong in ("ip/1/access", "ip/1/access/65536", "ip/1/nowhere/1", "ip/01/access/1", "ip/1/access/17/2", "a"):
        with pytest.raises(LocalProtocolError):
            IQ.octets(wrong)
    for wildcards, octets in (([0x05], "ff0000"), ([0xCF, 0x07], "ff0000"), ([0x07, 0x07], "ff0000"), ([], "ff")):
        with pytest.raises(ValueError):
            MEGACO.text(wildcards, bytes.fromhex(octets))
    for levels in ((7,), (8,) * 9, (8, 0, 8), ()):
        with pytest.raises(LocalProtocolError):
            PerLevelNaming(levels)
    with pytest.raises(LocalProtocolError):
        HexadecimalNaming(9)
    assert PerLevelNaming([Field(4), Bits(4)]).text([], b"\x5a") == "5/1010"


def test_namings_that_say_the_same_are_one():
    """Readers and writers are compiled once a naming, so equal ones share them."""
    assert PerLevelNaming((8, 8, 8)) == MEGACO and hash(PerLevelNaming((8, 8, 8))) == hash(MEGACO)
    assert PerLevelNaming([Field(3, {"ip": 1}), Field(5)]) == PerLevelNaming([Field(3, {"ip": 1}), Field(5)])
    assert len({PerLevelNaming([8]), PerLevelNaming([Field(8)]), PerLevelNaming([Field(8, {"a": 1})])}) == 3
    assert HexadecimalNaming() == HexadecimalNaming(4) != HexadecimalNaming(8)


def test_a_peer_can_not_fill_memory_with_names():
    """Numbers that the registry does not know, and long values, are not remembered; short ones to a limit."""
    names = Names(registry(), Values.WRAPPED)
    events, properties = names.read[ItemKind.EVENT], names.read[ItemKind.PROPERTY]
    cause, realm = events[bytes.fromhex("00010001")], properties[REALM]
    for number in range(0x12340000, 0x12342000):
        octets = number.to_bytes(4, "big")
        assert events[octets].text.startswith("0x1234/")
        assert cause.read[octets[2:]].text
        assert realm.value.read(tlv(0x16, octets.hex().encode() * 20)) == octets.hex() * 20
        assert realm.value.read(tlv(0x16, octets.hex().encode())) == octets.hex()
        assert names.write[ItemKind.EVENT][f"0x{octets[:2].hex()}/0x{octets[2:].hex()}"].octets == octets
    assert len(events) == 1 and len(properties) == 1 and not names.write[ItemKind.EVENT]
    assert len(cause.read) == 2
    assert len(realm.value._read) <= 256


def test_an_id_that_the_naming_has_no_text_for_is_refused():
    """An id of another length than is provisioned is said with its place."""
    with pytest.raises(MalformedMessageError, match="a termination id of 1 octets where 4 are provisioned"):
        binary.decode(binary.encode(written("Subtract=0x01")), naming=IQ)


@pytest.mark.parametrize(("own", "string"), [("0a0103", "160133"), ("0a0103", "16024654"), ("0a0103", "0c026674")])
def test_a_number_or_word_that_came_as_a_string(own, string):
    """It means what it means in its own type, and is written in that (found by fuzzing)."""
    octets = bytes.fromhex(own)
    tree = written("Modify=0x01{Events=1{g/cause{Generalcause=FT}}}")
    inside = binary.encode(tree)
    assert inside.count(octets) == 1
    whole = made_indefinite(inside)
    assert tlv(4, octets) in whole
    assert binary.decode(whole.replace(tlv(4, octets), tlv(4, bytes.fromhex(string)))) == tree
