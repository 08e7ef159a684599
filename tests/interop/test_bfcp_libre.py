"""libre as a second opinion on BFCP: it reads what we write and we read what it writes, for each primitive."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from bfcp_words import from_words, to_json, to_words
from hypothesis import given, settings
from hypothesis import strategies as st
from programs import missing, need

from workbench.protocols.bfcp import wire
from workbench.protocols.bfcp.messages import Attribute, Failure, Group, Message, RequestStatus, unknown_attributes
from workbench.protocols.bfcp.registry import Kind, Primitive

DRIVER = Path(__file__).with_name("bfcp_libre.c")
VECTORS = Path(__file__).parents[1] / "vectors" / "bfcp"
HEADERS = Path("/usr/include/re")

Ask = Callable[[str], str]


@pytest.fixture(scope="module")
def libre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ask]:
    """The driver, compiled now: one line for one line."""
    compiler = need("gcc")
    if not (HEADERS / "re_bfcp.h").exists():
        missing("libre", "apt-get install libre-dev")
    program = tmp_path_factory.mktemp("libre") / "bfcp_libre"
    subprocess.run(
        [compiler, "-DHAVE_STDBOOL_H", "-DHAVE_INTTYPES_H", f"-I{HEADERS}", str(DRIVER), "-o", str(program), "-lre"],
        check=True, timeout=60)
    with subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None and process.stdout is not None
        into, out = process.stdin, process.stdout

        def ask(line: str) -> str:
            into.write(line + "\n")
            into.flush()
            return out.readline().strip()

        yield ask
        into.close()


TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
USER = st.builds(lambda user, name, uri: Group(user, (Attribute(Kind.USER_DISPLAY_NAME, name),
                                                      Attribute(Kind.USER_URI, uri, True))),
                 st.integers(0, 0xFFFF), TEXT, TEXT)
STATUS = st.builds(RequestStatus, st.integers(1, 7), st.integers(0, 255))


def stated(number: int, status: RequestStatus, info: str) -> Group:
    return Group(number, (Attribute(Kind.REQUEST_STATUS, status, True), Attribute(Kind.STATUS_INFO, info)))


STATED = st.builds(stated, st.integers(0, 0xFFFF), STATUS, TEXT.map(lambda text: text[:8]))
SIMPLE = {
    Kind.BENEFICIARY_ID: st.integers(0, 0xFFFF), Kind.FLOOR_ID: st.integers(0, 0xFFFF),
    Kind.FLOOR_REQUEST_ID: st.integers(0, 0xFFFF), Kind.PRIORITY: st.integers(0, 7), Kind.REQUEST_STATUS: STATUS,
    Kind.ERROR_CODE: st.builds(Failure, st.integers(0, 255), st.binary(max_size=9)), Kind.ERROR_INFO: TEXT,
    Kind.PARTICIPANT_PROVIDED_INFO: TEXT, Kind.STATUS_INFO: TEXT,
    Kind.SUPPORTED_ATTRIBUTES: st.lists(st.integers(0, 127), min_size=1, max_size=30).map(tuple),
    Kind.SUPPORTED_PRIMITIVES: st.lists(st.integers(0, 255), min_size=1, max_size=30).map(tuple),
    Kind.USER_DISPLAY_NAME: TEXT, Kind.USER_URI: TEXT, Kind.BENEFICIARY_INFORMATION: USER,
    Kind.REQUESTED_BY_INFORMATION: USER, Kind.FLOOR_REQUEST_STATUS: STATED, Kind.OVERALL_REQUEST_STATUS: STATED,
}


def attribute(kinds: list[Kind]) -> st.SearchStrategy[Attribute]:
    return st.one_of(*(st.builds(Attribute, st.just(kind), SIMPLE[kind], st.booleans()) for kind in kinds))


INFORMATION = st.builds(
    lambda number, overall, floors, priority: Attribute(Kind.FLOOR_REQUEST_INFORMATION, Group(number, (
        Attribute(Kind.OVERALL_REQUEST_STATUS, overall, True),
        *(Attribute(Kind.FLOOR_REQUEST_STATUS, one) for one in floors), Attribute(Kind.PRIORITY, priority))), True),
    st.integers(0, 0xFFFF), STATED, st.lists(STATED, max_size=3), st.integers(0, 4))


@st.composite
def messages(draw: st.DrawFn) -> Message:
    version = draw(st.sampled_from((1, 2)))
    attributes = draw(st.lists(st.one_of(attribute(list(SIMPLE)), INFORMATION), max_size=6))
    return Message(
        draw(st.sampled_from(list(Primitive))), draw(st.integers(0, 0xFFFFFFFF)), draw(st.integers(0, 0xFFFF)),
        draw(st.integers(0, 0xFFFF)), tuple(attributes), version, version == 2 and draw(st.booleans()))


@pytest.mark.parametrize("path", sorted(VECTORS.glob("*.hex")), ids=lambda path: path.stem)
def test_stored_messages_read_the_same_there(libre: Ask, path: Path) -> None:
    """Every primitive, both versions: libre says of each stored message what our codec says, and writes its octets."""
    octets = path.read_text().strip()
    ours = wire.decode(bytes.fromhex(octets))
    assert from_words(libre(f"decode {octets}").removeprefix("ok ")) == to_json(ours)
    assert libre(f"encode {to_words(ours)}") == f"ok {wire.encode(ours).hex()}"


@pytest.mark.parametrize("count", [60, pytest.param(600, marks=pytest.mark.long)])
def test_what_we_write_is_read_there_and_written_there_it_is_the_same(libre: Ask, count: int) -> None:
    """Any attributes in any message: the same octets from both, and both read them alike."""

    @settings(max_examples=count, deadline=None)
    @given(messages())
    def both(message: Message) -> None:
        octets = wire.encode(message)
        assert libre(f"encode {to_words(message)}") == f"ok {octets.hex()}"
        theirs = libre(f"decode {octets.hex()}").removeprefix("ok ")
        assert from_words(theirs) == to_json(wire.decode(octets))

    both()


def test_unknown_mandatory_attributes_are_the_same_there(libre: Ask) -> None:
    """RFC 8855 §5.2: libre, too, names 40 and 41 and skips 42, whose M is not set."""
    octets = bytes.fromhex("20010005000010e1000200ea 0504021f 51021122 53031122 54041122 0804e000")
    ours = wire.decode(octets)
    named = unknown_attributes(ours.unknown_mandatory).value
    assert isinstance(named, Failure) and named.attributes == (40, 41)
    *_, theirs = libre(f"decode {octets.hex()}").partition(" unknown ")
    assert bytes(map(int, theirs.split())) == named.details


@pytest.mark.parametrize("attributes", ["0501021f", "0500021f", "0508021f", "0503021f"])
def test_what_is_refused_here_is_refused_there(libre: Ask, attributes: str) -> None:
    """Lengths that do not fit give an error in both."""
    octets = "20010001000010e1000200ea" + attributes
    with pytest.raises(wire.RefusedMessageError):
        wire.decode(bytes.fromhex(octets))
    assert libre(f"decode {octets}").startswith("error")
