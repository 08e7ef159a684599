"""The text encoding: rules of the grammar one by one, errors, and whatever a peer may send."""

from __future__ import annotations

import msgspec
import pytest
from h248.trees import messages
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from workbench.errors import LocalProtocolError, MalformedMessageError
from workbench.protocols import sdp
from workbench.protocols.h248 import message as m
from workbench.protocols.h248 import text
from workbench.protocols.h248.tokens import TOKENS

HEAD = b"MEGACO/2 [192.0.2.10]:2944\n"
SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]


def command(body: bytes) -> m.Command:
    """The only command of a request with this text in it."""
    (request,) = text.decode(HEAD + b"Transaction = 1 { Context = 1 { " + body + b" } }").body
    return request.actions[0].commands[0]


def modify(descriptors: bytes) -> tuple[m.Descriptor, ...]:
    return command(b"Modify = a1 { " + descriptors + b" }").descriptors


def local_control(items: bytes) -> m.LocalControl:
    return modify(b"Media { Stream = 1 { LocalControl { " + items + b" } } }")[0].streams[0].local_control


@settings(max_examples=150, deadline=None, suppress_health_check=SLOW)
@given(messages, st.sampled_from(["pretty", "compact"]))
def test_what_is_written_is_read_again(tree, style):
    """decode(encode(tree)) is the tree, for any tree of version 3, in both styles."""
    assert text.decode(text.encode(tree, style)) == tree


@settings(max_examples=60, deadline=None, suppress_health_check=SLOW)
@given(messages)
def test_both_styles_say_the_same(tree):
    """Pretty and compact text differ in layout and length of tokens only."""
    pretty = text.encode(tree, "pretty")
    assert text.encode(text.decode(pretty), "compact") == text.encode(tree, "compact")


@given(st.binary(max_size=400))
@example(b"")
@example(b"MEGACO/2")
@example(HEAD)
def test_garbage_never_escapes(data):
    """No octets make the decoder raise anything but its own error."""
    with pytest.raises(MalformedMessageError):
        text.decode(data)


WORDS = st.one_of(
    st.sampled_from([*TOKENS, *TOKENS.values()]),
    st.sampled_from(list('{}{}{}=,:<>#[]"')),
    st.sampled_from(
        [
            "1",
            "ip/1/$",
            "g/cause",
            "*",
            "$",
            "-",
            '"x"',
            "1-2",
            "8/1/END",
            "Local {",
            "L{v=0\n}",
            "DM={",
            "\n",
            " ",
            "\\}",
            ";",
            "\x00",
            "\xff",
        ]
    ),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(WORDS, max_size=40), st.sampled_from(["", " ", "\n"]))
def test_words_in_any_order_never_escape(words, between):
    """Tokens of the grammar in a wrong order: an error with a place, or a message that encodes again."""
    data = HEAD + between.join(words).encode("latin-1")
    try:
        tree = text.decode(data)
    except MalformedMessageError as error:
        assert error.offset is not None and 0 <= error.offset <= len(data)
        return
    assert text.decode(text.encode(tree)) == tree


@settings(max_examples=150, deadline=None, suppress_health_check=SLOW)
@given(messages, st.data())
def test_a_changed_octet_never_escapes(tree, data):
    """One octet of a good message replaced, removed or doubled: the decoder's own error, or another message."""
    octets = bytearray(text.encode(tree, data.draw(st.sampled_from(["pretty", "compact"]))))
    at = data.draw(st.integers(0, len(octets) - 1))
    how = data.draw(st.sampled_from(["replace", "remove", "double"]))
    if how == "replace":
        octets[at] = data.draw(st.integers(0, 255))
    elif how == "remove":
        del octets[at]
    else:
        octets[at:at] = octets[at : at + 1]
    try:
        changed = text.decode(bytes(octets))
    except MalformedMessageError:
        return
    try:
        again = text.encode(changed)
    except LocalProtocolError:
        return
    assert text.decode(again) == changed


@pytest.mark.parametrize(
    ("given_text", "what", "at", "clause"),
    [
        (b"MEGACI/2 x T", "expected MEGACO/ or !/", 0, "message"),
        (b"MEGACO/x [192.0.2.1]", "expected a version", 7, "Version"),
        (b"MEGACO/2[192.0.2.1]", "expected a blank behind the version", 8, "SEP"),
        (b"MEGACO/2 [192.0.2.1", "expected a message identifier", 9, "mId"),
        (HEAD, "expected a transaction, found the end", len(HEAD), "messageBody"),
        (HEAD + b"Transaction 1 { }", "expected \"=\", found '1'", len(HEAD) + 12, "transactionRequest"),
        (
            HEAD + b"T=4294967296{C=1{S=*}}",
            "expected a number from 0 to 4294967295",
            len(HEAD) + 2,
            "transactionRequest",
        ),
        (HEAD + b"T=1{C=1{S=*}", 'expected "," or "}", found the end', len(HEAD) + 12, "transactionRequest"),
        (
            HEAD + b"T=1{C=1{MF=a{M{O{MO=Sideways}}}}}",
            "expected a stream mode, found 'Sideways'",
            len(HEAD) + 20,
            "streamMode",
        ),
        (
            HEAD + b"T=1{C=1{MF=a{M{O{realm=x}}}}}",
            "expected a name of the form package/item",
            len(HEAD) + 17,
            "propertyParm",
        ),
        (
            HEAD + b"T=1{C=1{MF=a{M{ST=1{L{v=0}},L{v=0}}}}}",
            "Stream descriptors or their parts, not both",
            len(HEAD) + 34,
            "mediaParm",
        ),
        (HEAD + b"T=1{C=1{MF=a{M{L{v=0},L{v=0}}}}}", "local only once", len(HEAD) + 22, "at-most-once"),
        (HEAD + b"T=1{C=1{MF=a{M{L{v=0", 'expected "}" behind the session description', len(HEAD) + 15, "octetString"),
        (HEAD + b"T=1{C=1{MF=a{M{L{vau}}}}}", "line", len(HEAD) + 17, "RFC 8866"),
        (HEAD + b'T=1{C=1{N=a{ER=400{"x}}}}', "expected a quoted string", len(HEAD) + 19, "quotedString"),
        (HEAD + b"T=1{C=1{N=a{OE=1{2026:g/cause}}}}", "expected a time stamp", len(HEAD) + 17, "TimeStamp"),
        (HEAD + b"T=1{C=1{S=a{M{TS{SI=IV}}}}}", "expected one of Audit", len(HEAD) + 12, "descriptor"),
        (HEAD + b"K{3-1}", "expected a transaction id or a range", len(HEAD) + 2, "transactionAck"),
        (HEAD + b"P=1{C=1{AV=a}} T", 'expected "="', len(HEAD) + 16, "transactionRequest"),
    ],
)
def test_errors_say_what_and_where(given_text, what, at, clause):
    """An error names what was expected, the production, and the octet (design: errors for people)."""
    with pytest.raises(MalformedMessageError) as refused:
        text.decode(given_text)
    assert what in refused.value.what
    assert refused.value.offset == at
    assert clause in refused.value.clause


def test_an_oversized_message_is_not_read():
    """The limit is the caller's."""
    with pytest.raises(MalformedMessageError, match="longer than 10 octets"):
        text.decode(HEAD, max_octets=10)


@pytest.mark.parametrize(
    "hostile",
    [
        b"L{" * 30_000,
        b"T=1{" * 16_000,
        b" " * 65_000,
        b";" * 65_000,
        b"; ;\n" * 16_000,
        b'"' * 65_000,
        b"DM = " * 13_000,
        b"T=1{C=1{MF=a{M{L{" + b" " * 60_000 + b"x}}}}}",
        b"T=1{C=1{MF=a{M{L{" + b"\\}" * 30_000,
        b"T=1{C=1{MF=a{M{O{g/a=[" + b"1," * 30_000,
        b"T=1{C=1{MF=a{E=1{" + b"g/a{EM{E=1{" * 5_000,
        b"K{" + b"1," * 30_000,
    ],
)
def test_hostile_messages_cost_one_pass(hostile):
    """Runs of openings, quotes and blanks are refused, and nesting goes no deeper than the grammar."""
    with pytest.raises(MalformedMessageError):
        text.decode(HEAD + hostile)


def test_comments_and_blanks():
    """Comments run to the end of the line and blanks are free around marks, but not within a session description."""
    tree = text.decode(
        b"; first\nMEGACO/2 ; version\n [192.0.2.10]:2944 ;who\r\n"
        b"Transaction=1 ;x { }\n{Context\t=\r\n-{Modify = a1{Media{Local{\nv=0\na=x;y {z\n} }}}}"
    )
    local = tree.body[0].actions[0].commands[0].descriptors[0].streams[0].local
    assert local[0].attribute("x;y {z") is not None or b"a=x;y {z" in sdp.encode(local[0])


def test_a_closing_brace_in_sdp_is_escaped():
    r"""`}` inside Local or Remote stands as `\}` (H.248.1 Annex B.2, nonEscapeChar)."""
    described = sdp.decode(b"v=0\r\na=x:}\\}\r\n")
    media = m.Media((m.StreamDescriptor(1, local=(described,)),))
    tree = m.Message(2, "gw", (m.Request(1, (m.Action(1, (m.Command(m.Kind.MODIFY, ("a",), (media,)),)),)),))
    for style in ("pretty", "compact"):
        octets = text.encode(tree, style)
        assert b"a=x:\\}\\\\}" in octets
        assert text.decode(octets) == tree


def test_line_endings_of_sdp_are_kept():
    """CRLF stays CRLF, LF stays LF, in every alternative group."""
    groups = (sdp.decode(b"v=0\r\na=one\r\n"), sdp.decode(b"v=0\na=two\n"))
    media = m.Media((m.StreamDescriptor(1, local=groups, remote=groups[::-1]),))
    tree = m.Message(2, "gw", (m.Request(1, (m.Action(1, (m.Command(m.Kind.MODIFY, ("a",), (media,)),)),)),))
    assert text.decode(text.encode(tree, "pretty")) == tree
    assert text.decode(text.encode(tree, "compact")) == tree


def test_an_empty_local_clears_and_a_missing_one_does_not():
    """Local{} is there and empty (H.248.1 §7.1.8)."""
    (media,) = modify(b"Media { Stream = 1 { Local { }, LocalControl { Mode = Inactive } } }")
    assert media.streams[0].local == ()
    assert media.streams[0].remote is None


def test_a_bad_media_line_spoils_its_command_only():
    """SDP that breaks a rule of SDP stays as lines, so that its command can be refused alone (error 449)."""
    (media,) = modify(b"Media { Local {\nv=0\nm=message port TCP *\n} }")
    (described,) = media.streams[0].local
    assert described.media == ()
    assert sdp.encode(described) == b"v=0\nm=message port TCP *\n"


def test_an_unread_description_may_be_in_any_encoding():
    """A c= line of three words no more, in octets that are not UTF-8: the description is written as it came."""
    octets = HEAD + b"T=1{C=1{MF=a1{M{ST=1{L{\nv=0\nc=IN\xa0IP4 10.1.1.9\ns=\xe9\n}}}}}}"
    tree = text.decode(octets)
    (described,) = tree.body[0].actions[0].commands[0].descriptors[0].streams[0].local
    assert sdp.encode(described) == b"v=0\nc=IN\xa0IP4 10.1.1.9\ns=\xe9\n"
    assert text.decode(text.encode(tree)) == tree


def test_an_unread_description_may_end_its_lines_in_carriage_returns():
    """EOL is CR, LF or both in H.248 (Annex B.2); SDP wants LF: such lines stay unread, as they came."""
    octets = HEAD + b"T=1{C=1{MF=a1{M{ST=1{L{\nv=0\ra=x\rs=-\r\n}}}}}}"
    tree = text.decode(octets)
    (described,) = tree.body[0].actions[0].commands[0].descriptors[0].streams[0].local
    assert sdp.encode(described) == b"v=0\ra=x\rs=-\r\n"
    assert text.decode(text.encode(tree)) == tree


@pytest.mark.parametrize("pattern", [b"", b" ", b"(0|1\x8a)", b"(0|\x0e)", b"; comment\n"])
def test_a_digit_map_has_digit_strings(pattern):
    """An empty digit map, or octets that the grammar has no place for (H.248.1 Annex B.2, digitMap)."""
    with pytest.raises(MalformedMessageError, match="expected digit strings") as refused:
        modify(b"DM=plan{" + pattern + b"}")
    assert refused.value.offset == len(HEAD + b"Transaction = 1 { Context = 1 { Modify = a1 { ")


def test_terminations_may_be_called_like_tokens():
    """L, R, M, C and the like are names where the grammar expects one (H.248.1 Annex B.2)."""
    assert command(b"Modify=L{Media{Stream=1{LocalControl{Mode=SR}}}}").terminations == ("L",)
    assert command(b"MF = R { M { ST = 1 { O { MO = SR } } } }").terminations == ("R",)
    assert command(b"Subtract = root").terminations == ("ROOT",)
    assert command(b"MF=[A,MF,S]").terminations == ("A", "MF", "S")
    assert command(b"MF=DM{SG}").terminations == ("DM",)


def test_long_and_short_tokens_may_be_mixed():
    """Each token is read by itself, in letters of either case."""
    assert local_control(b"MO = SendReceive, rv=on, RESERVEDGROUP = OFF") == m.LocalControl(
        m.Mode.SEND_RECEIVE, True, False
    )


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (b"g/a = 1", m.Property("g/a", ("1",))),
        (b"g/a = $", m.Property("g/a", ("$",))),
        (b'g/a = "a b"', m.Property("g/a", ("a b",))),
        (b"g/a = {1, 2}", m.Property("g/a", ("1", "2"), m.Form.ANY_OF)),
        (b"g/a = [1, 2]", m.Property("g/a", ("1", "2"), m.Form.LIST)),
        (b"g/a = [1:9]", m.Property("g/a", ("1", "9"), m.Form.RANGE)),
        (b"g/a > 1", m.Property("g/a", ("1",), m.Form.GREATER)),
        (b"g/a < 1", m.Property("g/a", ("1",), m.Form.LESS)),
        (b"g/a # 1", m.Property("g/a", ("1",), m.Form.DIFFERENT)),
    ],
)
def test_value_notations(written, read):
    """The forms of parmValue (H.248.1 Annex B.2)."""
    assert local_control(written).properties == (read,)


def test_prefixes():
    """O- and W-, alone and together, in letters of either case."""
    for prefix, optional, wildcard in ((b"", 0, 0), (b"O-", 1, 0), (b"W-", 0, 1), (b"O-W-", 1, 1), (b"o-w-", 1, 1)):
        found = command(prefix + b"S=*")
        assert (found.kind, found.optional, found.wildcard_response) == (
            m.Kind.SUBTRACT,
            bool(optional),
            bool(wildcard),
        )


def test_names_of_64_characters_and_ids_at_their_limit():
    """The longest names and numbers of the grammar."""
    name = b"a" * 64
    assert command(b"Modify = " + name).terminations == (name.decode(),)
    (request,) = text.decode(HEAD + b"T=4294967295{C=4294967293{S=*}}").body
    assert (request.id, request.actions[0].context) == (4294967295, 4294967293)


@pytest.mark.parametrize(
    "mid", ["[192.0.2.1]", "[2001:db8::1]:55555", "<mgc.example.net>", "<a-b>:1", "MTP{00ff}", "gw/1@x"]
)
def test_message_identifiers(mid):
    """All forms of mId (H.248.1 §8.3), in the header and in a ServiceChange."""
    services = m.Services(m.Method.HAND_OFF, "903 MGC directed change", mgc_id=mid, address="2945")
    command = m.Command(m.Kind.SERVICE_CHANGE, (m.ROOT,), (services,))
    tree = m.Message(1, mid, (m.Request(1, (m.Action(m.NULL, (command,)),)),))
    assert text.decode(text.encode(tree)) == tree
    assert text.decode(text.encode(tree, "compact")) == tree


def test_authentication_header():
    """The interim AH scheme's header stands in front (H.248.1 §10.2)."""
    tree = m.Message(2, "gw", (m.Pending(1),), authentication=m.Authentication(b"\0\1\2\3", b"\0\0\0\7", b"\xaa" * 12))
    assert text.decode(text.encode(tree)) == tree
    assert text.encode(tree, "compact").startswith(b"AU=0x00010203:0x00000007:0xAAAA")


def test_quoted_and_plain_values():
    """A value keeps its quotation marks, equals its content, and gets them where it needs them."""
    (quoted,) = local_control(b'ipdc/realm = "abc"').properties
    assert quoted == m.Property("ipdc/realm", ("abc",))
    media = m.Media((m.StreamDescriptor(1, m.LocalControl(properties=(quoted, m.Property("g/b", ("a b",))))),))
    tree = m.Message(2, "gw", (m.Request(1, (m.Action(1, (m.Command(m.Kind.MODIFY, ("a",), (media,)),)),)),))
    assert b'ipdc/realm="abc",g/b="a b"' in text.encode(tree, "compact")


@pytest.mark.parametrize("value", ['say "x"', "two\nlines", "bell\x07", "\ud800"])
def test_values_that_text_cannot_carry_are_ours_to_avoid(value):
    """The encoder refuses what no receiver could read."""
    media = m.Media((m.StreamDescriptor(1, m.LocalControl(properties=(m.Property("g/a", (value,)),))),))
    tree = m.Message(2, "gw", (m.Request(1, (m.Action(1, (m.Command(m.Kind.MODIFY, ("a",), (media,)),)),)),))
    with pytest.raises(LocalProtocolError):
        text.encode(tree)


def test_texts_in_other_languages():
    """An error text in UTF-8 is let through both ways."""
    tree = m.Message(2, "gw", (), m.ErrorDescriptor(400, "ungültig"))
    assert text.decode(text.encode(tree)) == tree


def test_emergency_off_in_older_versions():
    """Versions 1 and 2 spell the long token EmergencyOffToken; both spellings are read."""
    action = m.Action(1, (m.Command(m.Kind.SUBTRACT, ("*",)),), m.ContextProperties(emergency=False))
    for version, word in ((2, b"EmergencyOffToken"), (3, b"EmergencyOff")):
        octets = text.encode(m.Message(version, "gw", (m.Request(1, (action,)),)))
        assert word + b"," in octets
        assert text.decode(octets).body[0].actions == (action,)


def test_segments():
    """A reply's segments and their acknowledgements (version 3)."""
    segment = m.Reply(8, (m.ActionReply(1),), segment=2, last=True)
    tree = m.Message(3, "gw", (segment, m.Segment(7, 1), m.Segment(7, 2, True)))
    for style in ("pretty", "compact"):
        assert text.decode(text.encode(tree, style)) == tree


def test_trees_become_json():
    """A tree can be written as JSON and names the class of every part."""
    (request,) = text.decode(HEAD + b'T=1{C=1{MF=a{M{O{g/a="x y"}},SG{cg/rt}}}}').body
    written = msgspec.json.encode(request, enc_hook=str)
    assert b'"is":"Media"' in written and b'"x y"' in written
    assert msgspec.json.decode(written, type=m.Transaction) == request


def test_tokens_have_places():
    """`tokens` gives what the scanner sees, with octets from and to."""
    octets = HEAD + b"T=1{C=1{S=*}}"
    found = text.tokens(octets)
    assert [octets[token.start : token.end].decode() for token in found] == [token.text for token in found]
    assert found[-1].text == "}"
