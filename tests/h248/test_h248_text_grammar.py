"""The grammar of H.248.1 Annex B.2, production by production: read, written in both styles, and read again."""

from __future__ import annotations

import pytest

from workbench.errors import LocalProtocolError, MalformedMessageError
from workbench.protocols.h248 import message as m
from workbench.protocols.h248 import text
from workbench.protocols.h248.tokens import TOKENS, cut, cut_exactly

HEAD = b"MEGACO/3 [192.0.2.10]:2944\n"


def reads(body: bytes) -> m.Message:
    """The tree, which both styles say again."""
    tree = text.decode(HEAD + body)
    for style in ("pretty", "compact"):
        assert text.decode(text.encode(tree, style)) == tree
    return tree


REQUESTS = [
    # command, prefixes, terminations
    b"O-Add=$",
    b"W-Subtract=*",
    b"O-W-AuditValue=ip/*/17",
    b"o-W-MF=ip/1/$",
    b"MF=[a,b,c]",
    b"S=[*]",
    b"MV=root",
    b"AC=a{AT{}}",
    b"N=a{OE=1{g/cause}}",
    b"N=a{ER=500{}}",
    b"N=a{OE=*{20260301T10153250:g/cause{ST=1,a=b}}}",
    b"MF=a{SG,E,EB,SA}",
    b"MF=DM{SG}",
    b"MF=L{M{L{v=0}}}",
    b"MF = L ; x\n { SG }",
    b"MF =\n\tR {SG}",
    b"MF=L{SG}",
    # media
    b"MF=a{M{TS{SI=TE,BF=LockStep,a/b=1}}}",
    b"MF=a{M{TS{SI=OS,BF=OFF},O{MO=LB,RV=ON,RG=OFF}}}",
    b"MF=a{M{L{},R{}}}",
    b"MF=a{M{ST=65535{L{},SA{a/b}}}}",
    b"MF=a{M{ST=1{R{v=0\n}},ST=2{O{MO=SO}}}}",
    b"MF=a{M{ST=1{L{v=0\na=x:\\}}}}}",
    b'MF=a{M{ST=1{L{v=0\nv=0\n},O{a/b=""}}}}',
    # values with every relation, in every place
    b'MF=a{M{O{a/b=$,a/c={1,$},a/d=[1,"x y"],a/e=[1:9],a/f>1,a/g<1,a/h#1}}}',
    b'MF=a{M{TS{a/b=$,a/c={1},a/d=[1],a/e=[1:9],a/f>1,a/g<1,a/h#""}}}',
    b"MF=a{E=1{a/b{p=1,q={1,2},r=[1,2],s=[1:2],t>1,u<1,v#1}}}",
    b"MF=a{SG{a/b{p=1,q={1,2},r=[1,2],s=[1:2],t>1,u<1,v#1}}}",
    # events
    b"MF=a{E=4294967295{*/*}}",
    b"MF=a{E=*{a/*}}",
    b"MF=a{E=1{a/b{KA,ST=1,DM=plan}}}",
    b"MF=a{E=1{a/b{DM={T:1,S:2,L:3,Z:4,(0|1)}}}}",
    b"MF=a{E=1{a/b{DM=plan{0x.},RSE,NBIN}}}",
    b"MF=a{E=1{a/b{NBRN{EM{SG{c/d}}}}}}",
    b"MF=a{E=1{a/b{NBNN}}}",
    b"MF=a{E=1{a/b{EM{SG{c/d},E=2{e/f{EM{SG}}}}}}}",
    b"MF=a{E=1{a/b{EM{E}}}}",
    b"MF=a{EB{a/b{ST=1,c=d}}}",
    b"MF=a{E=1{a/b{stream#1,ka=2,embed=3}}}",
    # signals
    b"MF=a{SG{}}",
    b"MF=a{SG{a/b{ST=1,SY=BR,DR=65535,NC={TO,IBE,IBS,OR,IR},KA,SPADI=EX,SPARQ=*,SPAIS=3,x=y}}}",
    b"MF=a{SG{SL=1{a/b,c/d{SY=TO}}}}",
    b"MF=a{SG{a/b{duration=1,Stream=2}}}",
    # the other descriptors
    b"MF=a{DM=plan}",
    b"MF=a{DM=plan{(0|1x.)}}",
    b"MF=a{DM={T:9999,0}}",
    b"MF=a{MX=H221{a,b}}",
    b"MF=a{MX=X-odd{a}}",
    b"MF=a{MD=V18}",
    b"MF=a{MD[V18,SN]{a/b=1}}",
    b"MF=a{SA{a/b,c/d}}",
    # audit
    b"AV=a{AT{M,E,EB,SG,DM,OE,SA,PG,MX,MD}}",
    b"AV=a{AT{M{ST=1{O{MO,RV,RG,a/b}}}}}",
    b"AV=a{AT{M{TS{SI,BF,a/b}}}}",
    b"AV=a{AT{M{TS{SI#IV}}}}",
    b"AV=a{AT{M{O{MO#SR}}}}",
    b"AV=a{AT{E=1{a/b}}}",
    b"AV=a{AT{E{a/b}}}",
    b"AV=a{AT{EB{a/b{c}}}}",
    b"AV=a{AT{SG{a/b,SL=1,SL=2{c/d}}}}",
    b"AV=a{AT{DM=plan,SA{a/b},PG{a-1}}}",
    b"AV=a{AT{M{L,R}}}",
    b"AV=a{AT{M{ST=1{SA{a/b}}}}}",
    # ServiceChange
    b"SC=ROOT{SV{MT=RS,RE=901,V=3,PF=x/1,AD=2945,DL=4294967295,20260301T10153250}}",
    b'SC=ROOT{SV{MT=HO,RE="903 MGC directed change",MG=[2001:db8::1]:2944}}',
    b"SC=ROOT{SV{MT=GR,RE=905,AD=<a.example>:1}}",
    b"SC=ROOT{SV{MT=X-odd,RE=900,X-a=1,X+b={1,2},X-c>3,SIC}}",
    b"SC=a{SV{MT=FO,RE=904,AD=MTP{0a0B}}}",
    b"SC=a{SV{MT=FL,RE=909,M}}",
    b"SC=a{SV{MT=DC,RE=900,PG{a-1,b-99}}}",
    b'SC=a{SV{MT=RS,RE="",AD=gw/1}}',
    # context attributes
    b"PR=15,S=*",
    b"EG,S=*",
    b"EGO,S=*",
    b"EmergencyOffToken,S=*",
    b"IEPS=ON,S=*",
    b"CT{a/b=1},S=*",
    b"CT{CLT={1,2,3}},S=*",
    b"TP{a,b,BW,c,d,IS,ST=1,e,f,OW},S=*",
    b"TP{a,$,OW,OWE,*,b,OW,OWB,ST=2}",
    b"CA{TP,EG,PR,IEPS,a/b},S=*",
    b"CA{PR=1,EGV=EG,IEPS=ON,CT{a/b=1},ORLgc}",
    b"CA{EGV=EGO,ANDLgc}",
]
REPLIES = [
    b"C=1",
    b'C=*{ER=411{""}}',
    b"C=-{ER=500{}}",
    b"C=$,C=1",
    b'C=1{A=a,MF=b{M{ST=1{L{v=0\n}}}},ER=442{"x"}}',
    b"C=1{TP{a,b,BW},PR=1,EG,IEPS=OFF,CT{a/b=[1,2]},S=a}",
    b'C=1{S=a{SA{a/b=1,c/d=[1,2],e/f="",g/h}}}',
    b"C=1{AV=a{M,DM,MX,MD,PG,OE,E,SG,EB,SA}}",
    b"C=1{AV=a{PG{a-1},OE=1{a/b},MX=V76{a},MD=V34,DM=plan{0},ER=432{}}}",
    b"C=1{AV=C{a,b}}",
    b'C=1{AC=Context{ER=411{"no"}}}',
    b"C=1{AC=a{M{O{a/b={1,2},c/d=[1:2],e/f>1}}}}",
    b"C=1{AV=context}",
    b"C=1{N=a,N=b{ER=500{}},SC=ROOT{SV{V=3,PF=x/1,AD=1}},SC=a,SC=b{ER=1{}}}",
    b"C=1{MF=[a,b]}",
    b"IA,C=1",
    b'IA,ER=403{"x"}',
]
TRANSACTIONS = [
    b"PN=0{}",
    b"PN=4294967295{}",
    b"K{0,1-4294967295}",
    b"K{7}K{8-9}",
    b"P=1/65535{C=1}",
    b"P=1/2/END{C=1}",
    b"P=1/2/&{IA,C=1}",
    b"SM=1/1",
    b"SM=1/1/END PN=1{}",
    b"ER=400{}",
    b'ER=9999{"a;b{c}"}',
    b"T=1{C=1{S=a}}P=2{C=1}PN=3{}K{4}",
]


@pytest.mark.parametrize("command", REQUESTS)
def test_requests(command):
    """Commands and context attributes of a request."""
    (request,) = reads(b"T=1{C=1{" + command + b"}}").body
    assert isinstance(request, m.Request)


@pytest.mark.parametrize("actions", REPLIES)
def test_replies(actions):
    """Action replies."""
    (reply,) = reads(b"P=1{" + actions + b"}").body
    assert isinstance(reply, m.Reply)


@pytest.mark.parametrize("body", TRANSACTIONS)
def test_transactions(body):
    """The items of a message body, and the error instead of one."""
    tree = reads(body)
    assert bool(tree.body) != (tree.error is not None)


@pytest.mark.parametrize(
    "body", [b"T=1{C=1{" + each + b"}}" for each in REQUESTS] + [b"P=1{" + e + b"}" for e in REPLIES]
)
def test_layout_case_and_length_do_not_matter(body):
    """Blanks and comments around every mark, any end of line, long tokens, tokens in capitals or small letters."""
    tree = text.decode(HEAD + body)
    if b"v=0" in body or b"DM={" in body or b"DM=plan{" in body:
        return  # what stands in bodies is theirs
    spaced = b"".join(
        b" ; it's \"}{\r\n" + each.encode() + b"\t\r" for each in cut_exactly(body.decode(), 0) if each not in ("", ";")
    )
    assert text.decode(HEAD + spaced) == tree
    pretty = text.encode(tree, "pretty")
    assert text.decode(pretty.replace(b"\n", b"\r")) == tree
    assert text.decode(pretty.replace(b"\n", b"\r\n")) == tree


@pytest.mark.parametrize("word", sorted(TOKENS))
def test_tokens_in_any_case(word):
    """Each token is found in its long and short form in any case; other letters are names (H.248.1 Annex B.1)."""
    for spelled in {TOKENS[word], TOKENS[word].lower(), word.lower(), word.upper(), word.swapcase()}:
        if "/" in spelled or spelled in "!&":
            continue
        assert reads(b"T=1{C=1{S=" + spelled.encode() + b"}}").body[0].actions[0].commands[0].terminations == (spelled,)


def test_keywords_in_any_case():
    """A whole message in capitals and in small letters."""
    media = b"Media{Stream=1{LocalControl{Mode=SendOnly,ReservedValue=ON}}}"
    body = b"Transaction=1{Context=1{Modify=a{" + media + b",Events=1{a/b{KeepActive}}}}}"
    tree = text.decode(HEAD + body)
    assert text.decode(HEAD.lower() + body.lower()) == tree
    assert text.decode(HEAD + body.swapcase().replace(b"A/B", b"a/b").replace(b"=A{", b"=a{")) == tree


REFUSED = [
    (b"T=1{C=1{}}", "a command or an attribute"),
    (b"T=1{}", "Context"),
    (b"K{}", "a transaction id"),
    (b"P=1{}", "Context"),
    (b"T=1{C=1{MF=a{}}}", "one of Media"),
    (b"T=1{C=1{MF=a{M{}}}}", "Local, Remote"),
    (b"T=1{C=1{MF=[]}}", "a termination"),
    (b"T=1{C=1{MF=[a[b]]}}", '"]"'),
    (b"T=1{C=1{N=a}}", '"{"'),
    (b"T=1{C=1{SC=a}}", '"{"'),
    (b"T=1{C=1{MF=a{E=1{}}}}", "package/item"),
    (b"T=1{C=1{MF=a{M{ST=65536{L{}}}}}}", "0 to 65535"),
    (b"T=1{C=1{PR=1,PR=2}}", "priority only once"),
    (b"T=1{C=1{CA{TP},CA{TP}}}", "ContextAudit only once"),
    (b"T=1{C=1{MF=a{M{TS{SI=IV,SI=IV}}}}}", "ServiceStates only once"),
    (b"T=1{C=1{MF=a{SG{a/b{ST=1,ST=2}}}}}", "stream only once"),
    (b"T=1{C=1{MF=a{E=1{a/b{KA,KA}}}}}", "keep active only once"),
    (b"T=1{C=1{MF=a{E=1{a/b{EM{SG,E=1{c/d{EM{E=2{e/f}}}}}}}}}}", "Signals"),
    (b"T=1{C=1{MF=a{DM={T:1,T:2,0}}}}", "start timer only once"),
    (b"T=1{C=1{MF=a{M{O{a/b=}}}}}", "a value"),
    (b"T=1{C=1{MF=a{M{O{a/b=[1}}}}}", '"]"'),
    (b"T=1{C=1{MF=a{M{O{a/b={}}}}}}", "a value"),
    (b"T=1{C=1{SC=a{SV{MT=Odd}}}}", "a method"),
    (b"T=1{C=1{SC=a{SV{AD=[zz]}}}}", "a message identifier"),
    (b"T=1{C=1{SC=a{SV{PF=x}}}}", "a profile"),
    (b"P=1{C=1{O-A=a}}", "a command"),
    (b"P=1/65536{C=1}", "a segment number"),
    (b"SM=1", "a segment number"),
    (b"ER=10000{}", "0 to 9999"),
    (b"T=1{C=1{S=*}}}", "a transaction"),
    (b"T=1{C=1{S=*}} x", "a transaction"),
    (b"T=1{C=1{S=*\x0b}}", '"," or "}"'),
    (b"T=1{C=1{S=a\xa0}}", '"," or "}"'),
    (b"T=1{C=4294967296{S=*}}", "0 to 4294967295"),
    (b"T=1{C=1{MF=a{M{L{v=0\\}}}}}", '"}"'),
    (b"P=1{C=1{AV=a{PG{a-100}}}}", "a package"),
    (b"P=1{C=1{AV=a{PG{-1}}}}", "a package"),
]


@pytest.mark.parametrize(("body", "expected"), REFUSED)
def test_refusals(body, expected):
    """What is no sentence of the grammar is refused with its place, what was expected, and the production."""
    with pytest.raises(MalformedMessageError) as refused:
        text.decode(HEAD + body)
    assert expected in refused.value.what
    assert len(HEAD) <= refused.value.offset <= len(HEAD + body)
    assert refused.value.clause.startswith("H.248.1 Annex B.2 ")


@pytest.mark.parametrize(
    "item",
    [
        m.Request(1, ()),
        m.Ack(()),
        m.Reply(1),
        m.Request(1, (m.Action(1),)),
        m.Pending(-1),
        m.Pending(1 << 32),
        m.Request(1, (m.Action(1, (m.Command(m.Kind.NOTIFY, ("a",)),)),)),
        m.Request(1, (m.Action(1, (m.Command(m.Kind.MODIFY, ("a b",)),)),)),
        m.Request(1, (m.Action(1, (m.Command(m.Kind.MODIFY, ("a",), (m.Events(1),)),)),)),
        m.Request(1, (m.Action(1, (m.Command(m.Kind.MODIFY, ("a",), (m.Media(),)),)),)),
        m.Request(1, (m.Action(1, (m.Command(m.Kind.MODIFY, ("a",), (m.DigitMap(None, "a}b"),)),)),)),
        m.Request(1, (m.Action(1, (m.Command(m.Kind.SERVICE_CHANGE, ("a",), (m.Services(address="a b"),)),)),)),
        m.Request(1, (m.Action(1, (m.Command(m.Kind.SERVICE_CHANGE, ("a",), (m.Services(time="now"),)),)),)),
    ],
)
def test_what_no_receiver_could_read_is_not_written(item):
    """The encoder builds sentences of the grammar only; the mistake is ours."""
    with pytest.raises(LocalProtocolError):
        text.encode(m.Message(3, "gw", (item,)))
    with pytest.raises(LocalProtocolError):
        text.encode(m.Message(3, "gw one", (m.Pending(1),)))


def test_both_ways_of_cutting_agree():
    """The quick cut gives the exact tokens for every sentence above."""
    bodies = (
        [b"T=1{C=1{" + each + b"}}" for each in REQUESTS] + [b"P=1{" + each + b"}" for each in REPLIES] + TRANSACTIONS
    )
    for body in bodies:
        for octets in (body, text.encode(text.decode(HEAD + body))[len(HEAD) :]):
            assert cut(octets.decode("latin-1"), 0) == cut_exactly(octets.decode("latin-1"), 0)


@pytest.mark.parametrize(("tree", "what"), [
    (m.Pending(2**32), "Pending"),
    (m.Reply(-1, (), m.ErrorDescriptor(500)), "TransactionID"),
    (m.Reply(1, (), m.ErrorDescriptor(10_000)), "Error"),
    (m.Reply(1, (), m.ErrorDescriptor(500), segment=65_536), "segmentNumber"),
    (m.Segment(1, 65_536), "segmentNumber"),
    (m.Ack(((5, 4),)), "TransactionResponseAck"),
    (m.Ack(((1, 2**32),)), "TransactionResponseAck"),
    (m.Request(1, (m.Action(1, (m.Command(m.Kind.MODIFY, ("a",), (
        m.Signals((m.Signal("g/s", stream=65_536),)),)),)),)), "Stream"),
    (m.Request(1, (m.Action(1, (m.Command(m.Kind.MODIFY, ("a",), (
        m.Signals((m.Signal("g/s", duration=65_536),)),)),)),)), "Duration"),
    (m.Request(1, (m.Action(1, (), m.ContextProperties(priority=65_536)),)), "Priority"),
])
def test_a_number_beyond_its_production_is_not_written(tree: m.Transaction, what: str):
    """What a receiver would refuse is refused here, and named (Annex B.2: UINT16, UINT32, Version, ErrorCode)."""
    for style in ("pretty", "compact"):
        with pytest.raises(LocalProtocolError, match=rf"{what} = -?\d+ is not from 0 to"):
            text.encode(m.Message(3, "[192.0.2.1]", (tree,)), style)


def test_a_version_of_three_digits_is_not_written():
    """Version = 1*2(DIGIT)."""
    with pytest.raises(LocalProtocolError, match="Version = 100"):
        text.encode(m.Message(100, "[192.0.2.1]", (m.Pending(1),)))
