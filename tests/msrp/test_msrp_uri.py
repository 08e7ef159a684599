"""MSRP URIs: grammar and comparison (RFC 4975 §6)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.errors import MalformedMessageError
from workbench.protocols.msrp import uri as uris
from workbench.protocols.msrp.uri import Matching, Uri

BASE = "msrps://host.example:2855/aBc1;tcp"


@pytest.mark.parametrize(("text", "value"), [
    (BASE, Uri("msrps", "host.example", 2855, "aBc1")),
    ("msrp://192.0.2.1:9/a+b=/c;tcp", Uri("msrp", "192.0.2.1", 9, "a+b=/c")),
    ("msrps://[2001:db8::1]:2855/x;tcp", Uri("msrps", "2001:db8::1", 2855, "x")),
    ("msrps://relay.example;tcp", Uri("msrps", "relay.example")),
    ("msrps://u:p@relay.example:1/s;tcp;a=b;c", Uri("msrps", "relay.example", 1, "s", "tcp", "u:p", ("a=b", "c"))),
])
def test_uris_come_back_as_written(text: str, value: Uri) -> None:
    assert uris.decode(text) == value
    assert str(value) == text


@pytest.mark.parametrize("text", [
    "", "sip:a@b", "msrp://host/x", "msrp://;tcp", "msrp://host:0/x;tcp", "msrp://host:65536/x;tcp", "msrp://[zz]/x;tcp",
    "msrp://host/;tcp", "msrp://host/x y;tcp", "msrp://host/x;tcp ", "msrp://[::1/x;tcp",
    "msrp://h/" + "x" * 2000 + ";tcp",
])
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(MalformedMessageError):
        uris.decode(text)


def test_paths_have_one_space_between_uris() -> None:
    path = uris.decode_path(f"{BASE} msrp://b:1/x;tcp")
    assert uris.encode_path(path) == f"{BASE} msrp://b:1/x;tcp"
    with pytest.raises(MalformedMessageError) as caught:
        uris.decode_path(f"{BASE} sip:x")
    assert caught.value.offset == len(BASE) + 1


@pytest.mark.parametrize(("other", "same"), [
    (BASE, True),
    ("MSRPS://HOST.example:2855/aBc1;TCP", True),       # M12
    ("msrps://host.example:02855/aBc1;tcp", True),
    ("msrps://u@host.example:2855/aBc1;tcp;x=y", True),
    ("msrps://h%6Fst.example:2855/aBc1;tcp", True),
    ("msrps://host.example:2855/abc1;tcp", False),       # M11
    ("msrp://host.example:2855/aBc1;tcp", False),
    ("msrps://host.example/aBc1;tcp", False),            # no port is not the default port
    ("msrps://other.example:2855/aBc1;tcp", False),
    ("msrps://host.example:2855/aBc1;udp", False),
    ("msrps://host.example:2855;tcp", False),
])
def test_comparison_by_the_steps(other: str, same: bool) -> None:
    assert uris.equal(uris.decode(BASE), uris.decode(other)) is same


def test_addresses_are_compared_as_numbers() -> None:
    one, two = uris.decode("msrp://[2001:db8::1]:1/x;tcp"), uris.decode("msrp://[2001:DB8:0::0:1]:1/x;tcp")
    assert uris.equal(one, two)
    assert not uris.equal(one, uris.decode("msrp://192.0.2.1:1/x;tcp"))


def test_session_id_matching_looks_at_nothing_else() -> None:
    """What "sessmatch" equipment does: the authority may have been rewritten."""
    other = uris.decode("msrp://192.0.2.1:4000/aBc1;tcp")
    assert uris.equal(uris.decode(BASE), other, Matching.SESSION_ID)
    assert not uris.equal(uris.decode(BASE), uris.decode("msrps://host.example:2855/ABC1;tcp"), Matching.SESSION_ID)
    relay = uris.decode("msrps://relay.example;tcp")
    assert not uris.equal(relay, relay, Matching.SESSION_ID)


@given(st.text(max_size=60) | st.builds(lambda a, b: f"msrp://{a};{b}", st.text(max_size=30), st.text(max_size=10)))
@settings(max_examples=200, deadline=None)
def test_garbage_never_escapes(text: str) -> None:
    try:
        value = uris.decode(text)
    except MalformedMessageError:
        return
    assert uris.equal(value, uris.decode(str(value)))
