"""The checks of the load itself: what is lost, doubled, swapped or changed on the way does not pass them."""

from __future__ import annotations

import socket

import load
import pytest


def ends() -> tuple[socket.socket, load.End]:
    """A socket to write into, and the end that checks what comes out of the other one."""
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    return ours, load.End(theirs, "an end", load.Content(0), load.Content(1), 0)


@pytest.mark.parametrize(("sent", "trouble"), [
    (lambda right, other: right, ""),
    (lambda right, other: right[1:], "octet 0 "),
    (lambda right, other: right[:500] + right[501:], "octet 500 "),
    (lambda right, other: right[:500] + right[499:], "octet 500 "),
    (lambda right, other: right[:700] + bytes([right[700] ^ 1]) + right[701:], "octet 700 "),
    (lambda right, other: other, "octet "),
], ids=["right", "first one lost", "one lost", "one doubled", "one bit changed", "another stream's"])
def test_octets_that_are_wrong_are_seen(sent, trouble):
    """The first wrong octet is named."""
    ours, end = ends()
    ours.sendall(sent(bytes(load.Content(1).piece(0, 1000)), bytes(load.Content(2).piece(0, 1000))))
    end.receive()
    assert trouble in end.trouble and bool(trouble) == bool(end.trouble)
    ours.close()
    end.sock.close()


def test_a_sequence_does_not_begin_again_within_a_buffer():
    """Octets that stood a power of two before are not taken for those that have to come."""
    content = load.Content(5)
    for power in range(20):
        assert not content.same(1 << power, content.piece(0, 64))


def test_a_sequence_goes_on_over_its_end():
    """The pieces of a long stream fit together, wherever they are cut."""
    content = load.Content(123_456)
    position = 0
    for size in (1, 65_536, 262_144) * 12:
        piece = content.piece(position, size)
        half = size // 2
        assert content.same(position, piece) and content.same(position + half, piece[half:])
        position += size
