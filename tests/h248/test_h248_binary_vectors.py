"""Messages of the Iq interface in the binary encoding: one tree with the text, and nothing but the whole message."""

from __future__ import annotations

import pytest
from h248.binary_forms import IQ, NAMES, has_octets, made_indefinite, made_long, octets_of, text_of

from workbench.errors import LocalProtocolError, MalformedMessageError
from workbench.protocols.h248 import binary, text
from workbench.protocols.h248 import message as m
from workbench.protocols.h248.packages import Registry

BINARY = [name for name in NAMES if has_octets(name)]
PROVISIONAL = {
    "03-reserve-request": "tcpbcc/BNCChange",
    "05-reserve-configure-request": "tcpbcc/BNCChange",
    "07-configure-request": "tcpbcc/EstBNC",
    "09-establish-tls": "tlsbsc/BNCChange",
    "10-notify-tls-failed": "tlsbsc/BNCChange",
    "12-notify-tcp-failed": "tcpbcc/BNCChange",
    "14-merge-access": "tcpbcc/BNCChange",
    "15-merge-core": "tcpbcc/BNCChange",
    "18-dtls-t38": "tlsbsc/BNCChange",
}
"""Vectors with items whose numbers nobody here knows, and the first of these items."""
NUMBERS = """
[tcpbcc.events.BNCChange]
id = 1
[tcpbcc.events.BNCChange.parameters.Type]
id = 1
values = [{ label = "Est", number = 1 }, { label = "Rel", number = 2 }, { label = "Fail", number = 3 }]
[tcpbcc.signals.EstBNC]
id = 1
[tlsbsc.events.BNCChange]
id = 1
[tlsbsc.events.BNCChange.parameters.Type]
id = 1
values = [{ label = "Est", number = 1 }, { label = "Rel", number = 2 }, { label = "Fail", number = 3 }]
[tlsbsc.signals.EstBNC]
id = 1
"""


def test_there_are_vectors():
    """All thirty messages are there in binary too, but for those whose numbers are not known."""
    assert len(NAMES) == 30
    assert set(NAMES) - set(BINARY) == set(PROVISIONAL)


@pytest.mark.parametrize("name", BINARY)
def test_text_and_binary_say_the_same(name):
    """The octets decode to the tree of the text, and the tree encodes to the octets (H.248.1 Annex A)."""
    tree = text.decode(text_of(name))
    assert binary.decode(octets_of(name), naming=IQ) == tree
    assert binary.encode(tree, naming=IQ) == octets_of(name)


@pytest.mark.parametrize("name", PROVISIONAL)
def test_an_item_without_a_number_is_refused(name):
    """Numbers are never invented: the item is named, and what would help."""
    with pytest.raises(LocalProtocolError, match=f"{PROVISIONAL[name]}.*binary can't carry it.*override file"):
        binary.encode(text.decode(text_of(name)), naming=IQ)


@pytest.mark.parametrize("name", PROVISIONAL)
def test_numbers_of_the_users_make_it_go(name, tmp_path):
    """With the numbers in an override file the same messages go through binary and come back."""
    mine = tmp_path / "mine.toml"
    mine.write_text(NUMBERS)
    known = Registry.load(mine)
    tree = text.decode(text_of(name))
    octets = binary.encode(tree, naming=IQ, registry=known)
    assert binary.decode(octets, naming=IQ, registry=known) == tree


@pytest.mark.parametrize("name", BINARY)
def test_a_cut_message_is_refused(name):
    """No prefix of a message is taken for a whole one, and the place of the cut is said."""
    octets = octets_of(name)
    for size in range(len(octets)):
        with pytest.raises(MalformedMessageError) as refused:
            binary.decode(octets[:size], naming=IQ)
        assert refused.value.offset is not None and 0 <= refused.value.offset <= size
        assert refused.value.clause.startswith(("H.248.1 Annex A", "X.690"))


@pytest.mark.parametrize("name", BINARY)
def test_the_form_of_lengths_does_not_matter(name):
    """Indefinite lengths and long ones with leading zeros say the same (X.690 §8.1.3)."""
    octets = octets_of(name)
    tree = binary.decode(octets, naming=IQ)
    assert binary.decode(made_indefinite(octets), naming=IQ) == tree
    assert binary.decode(made_long(octets), naming=IQ) == tree
    assert binary.decode(made_long(octets, size=100), naming=IQ) == tree
    assert binary.encode(binary.decode(made_indefinite(octets), naming=IQ), naming=IQ) == octets


@pytest.mark.parametrize("name", BINARY)
def test_a_cut_message_of_indefinite_lengths_is_refused(name):
    """An end of contents that is missing is missed."""
    octets = made_indefinite(octets_of(name))
    for size in range(len(octets)):
        with pytest.raises(MalformedMessageError) as refused:
            binary.decode(octets[:size], naming=IQ)
        assert refused.value.offset is not None and 0 <= refused.value.offset <= size


def test_the_default_naming_has_any_octets():
    """Without a naming, terminations are hexadecimal digits, and go back to the same octets."""
    octets = octets_of("08-configure-reply")
    tree = binary.decode(octets)
    (reply,) = tree.body
    assert isinstance(reply, m.Reply)
    assert [command.terminations for command in reply.actions[0].commands] == [("0x21010011",), ("0x21020012",)]
    assert binary.encode(tree) == octets
    with pytest.raises(LocalProtocolError, match="'ip/1/access/17' has no octets"):
        binary.encode(text.decode(text_of("08-configure-reply")))
