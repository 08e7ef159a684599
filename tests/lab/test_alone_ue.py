"""What a person tells a UE in a line, and what the settings of a UE may say."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import SettingsError
from workbench.lab import settings
from workbench.lab.settings.ue import script
from workbench.lab.spoken import Quit, Spoken, read_line, read_order
from workbench.net.values import BindDatagrams, Endpoint, Started
from workbench.nodes.orders import Call, HangUp, Register, ReOffer, SendFax, SendFile, SendText, SwitchToFax
from workbench.security.source import Source


@pytest.mark.parametrize(("line", "order"), [
    ("register", Register()), (" REGISTER \n", Register()),
    ("call sip:bob@home2.example", Call("sip:bob@home2.example")),
    ("call sips:bob@[2001:db8::1]:5061", Call("sips:bob@[2001:db8::1]:5061")),
    ("text Hello, you.", SendText("Hello, you.")), ("file 5", SendFile(5)),
    ("hangup", HangUp()), ("hangup 2", HangUp(2)), ("hold", ReOffer(hold=True)),
    ("resume", ReOffer()), ("quit", Quit()),
    ("fax", SendFax()), ("switch", SwitchToFax()), ("fax one_line", SendFax("one_line")),
])
def test_a_command_is_an_order(line: str, order: object):
    """Words are small or capital; spaces around them do not count."""
    assert read_order(line) == order


@pytest.mark.parametrize(("line", "said"), [
    ("", "'' is no command; there are register"), ("sing", "'sing' is no command"),
    ("text", "is followed by what to say"),
    ("call bob", "'bob' is not a SIP URI"), ("call sip:a b@c", "is not a SIP URI"),
    ("file", "does not say how many octets"),
    ("file -1", "does not say"), ("file 99999999", "1 to 4194304"), ("hangup soon", "'soon' does not say how many"),
    ("quit now", "nothing goes behind 'quit'"), ("text " + "x" * 70_000, "65536 characters"),
    ("x" * 500, "x...' is no command"),
    ("fax two_pages", "no recorded fax 'two_pages'; there are one_page, one_page_v29, one_line"),
])
def test_what_is_no_command_is_said(line: str, said: str):
    """In one short line, whatever was typed."""
    with pytest.raises(SettingsError) as caught:
        read_order(line)
    assert said in str(caught.value) and len(str(caught.value)) < 200


@given(st.text(max_size=200) | st.builds("{} {}".format, st.sampled_from(
    ["call", "text", "file", "fax", "hangup", "register", "quit"]), st.text(max_size=80)))
def test_whatever_is_typed_is_an_order_or_is_said(line: str):
    """Garbage never escapes: one short line of what is wrong, or an order."""
    for read in (read_order, read_line):
        try:
            read(line)
        except SettingsError as error:
            assert 0 < len(str(error)) < 200


def test_a_script_s_line_has_its_second():
    """Seconds first; what does not begin with them is no line."""
    assert read_line("1.5 hangup") == Spoken(1.5, HangUp())
    for line in ("hangup", "nan hangup", "-1 hangup", "1e9 hangup"):
        with pytest.raises(SettingsError, match="seconds"):
            read_line(line)


def test_a_script_in_order_of_time(tmp_path: Path):
    """Lines may stand in any order; equal seconds keep theirs."""
    file = tmp_path / "ue.toml"
    file.write_text('script = ["3 quit", "1 register", "1 hold"]')
    assert script(file) == ((1.0, Register()), (1.0, ReOffer(hold=True)), (3.0, Quit()))


def test_an_empty_file_is_a_ue_on_loopback(tmp_path: Path):
    """Whoever says nothing can't be reached from outside."""
    file = tmp_path / "ue.toml"
    file.write_text("")
    assert BindDatagrams(Endpoint("127.0.0.1", 5062)) in settings.ue(file, Source(1, "x"), 0.0).handle(Started(), 0.0)


@pytest.mark.parametrize(("text", "said"), [
    ("\nuri = 'alice'", "line 2: uri: 'alice' is not a SIP URI"),
    ("sip = 'host:5060'", "line 1: sip: 'host' is not an IPv4 or IPv6 address"),
    ("proxy = 'proxy.example:5060'", "line 1: proxy: 'proxy.example' is not an IPv4 or IPv6 address"),
    ("offers = 'both'", "line 1: offers: invalid enum value 'both'"),
    ("tls_versions = []", "line 1: tls_versions: a UE needs at least one"),
    ("chunk = 0", "line 1: chunk: 0; from 1 to 1048576 octets"),
    ("rings = -1", "line 1: rings: -1; from 0 to 86400 seconds"),
    ("accepts_after = nan", "line 1: accepts_after: nan"),
    ("[fax]\ndepth = 16", "line 2: fax.depth: 16; from 0 to 15 former packets"),
    ("fax.version = 4", "line 1: fax.version: 4; from 0 to 3"),
    ("fax.correction = 'more'", "line 1: fax.correction: invalid enum value 'more'"),
    ("discovers = 'stun.example'", "line 1: discovers: 'stun.example' is not"),
    ("script = 'register'", "line 1: script: expected array, got str"),
    ("script = [\n'0 register',\n'later hangup']", "line 3: script[1]: 'later hangup' does not begin with seconds"),
    ("dials = 1", "line 1: dials: no such setting"),
])
def test_what_is_wrong_in_a_file_is_said_with_key_and_line(tmp_path: Path, text: str, said: str):
    """The person who wrote the file finds the place at once."""
    file = tmp_path / "ue.toml"
    file.write_text(text)
    with pytest.raises(SettingsError) as caught:
        settings.ue(file, Source(1, "x"), 0.0)
    assert str(caught.value).startswith(str(file)) and said in str(caught.value)
