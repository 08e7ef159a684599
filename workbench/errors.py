"""Every error the workbench raises on purpose. This module imports nothing.

Whose fault it is decides the branch: ours (`LocalProtocolError`), a peer's (`PeerError`), a catalogue
file's (`ScenarioError`), a capture file's (`CaptureError`), a settings file's (`SettingsError`) or this host's
(`NetworkError`).
"""

from __future__ import annotations


class WorkbenchError(Exception):
    """Root of all we raise on purpose. Caught only at the edges: notebook and command line."""


class LocalProtocolError(WorkbenchError):
    """We asked for something the protocol forbids now. Nothing left; the bug is ours."""


class PeerError(WorkbenchError):
    """The peer broke a rule: which one (`clause`), and where (`offset`, in octets).

    Args:
        what: the fact in a few words, without the place or the clause.
        clause: document and clause that the peer broke, such as `RFC 4975 §9`.
        offset: where in the octets given to the decoder, counted from 0; None where no octet is to blame.
    """

    def __init__(self, what: str, *, clause: str = "", offset: int | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.clause = clause
        self.offset = offset

    def __str__(self) -> str:
        where = "" if self.offset is None else f" at octet {self.offset}"
        clause = f" [{self.clause}]" if self.clause else ""
        return f"{self.what}{where}{clause}"


class MalformedMessageError(PeerError):
    """The octets do not decode."""


class UnexpectedMessageError(PeerError):
    """The octets decode, but the message is not legal in this state."""


class IncompatiblePeerError(PeerError):
    """No version, profile or crypto suite in common."""


class AuthenticationError(PeerError):
    """A fingerprint, MAC or key does not match."""


class TicketRefusedError(PeerError):
    """A message of MIKEY-TICKET is refused; `error` is the number that an Error message gives (RFC 6043 §6.9)."""

    def __init__(self, what: str, *, clause: str, error: int) -> None:
        super().__init__(what, clause=clause)
        self.error = error


class ScenarioError(WorkbenchError):
    """A catalogue file is wrong, or a knob was set to something it does not allow."""


class CaptureError(WorkbenchError):
    """A capture file can't be read at all."""


class SettingsError(WorkbenchError):
    """A settings file is wrong: which file, which key, and where it can be told which line."""


class NetworkError(WorkbenchError):
    """This host does not give us an address or port that a node was told to use."""
