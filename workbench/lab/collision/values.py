"""What is asked for, and what came out: where the UEs are, who opens, what the networks do; cells and the table."""

from __future__ import annotations

from typing import Literal

import msgspec

from workbench.lab.reachability.values import Pair
from workbench.nodes.nat import Behaviour

Nat = Literal["none", "open", "home", "strict"]
Exchange = Literal["active-passive", "passive-active", "actpass-active", "actpass-passive"]
Mechanism = Literal["refuse", "blind", "merge", "b2bua", "annex-d", "annex-d-silent", "e2ae"]
Media = Literal["msrp", "bfcp"]
Key = Literal["certificate", "psk"]
Tls = Literal["1.2", "1.3"]
Outcome = Literal["works", "refused", "two clients", "no connection"]

NATS: dict[Nat, Pair | None] = {
    "none": None,
    "open": Pair(Behaviour.ENDPOINT_INDEPENDENT, Behaviour.ENDPOINT_INDEPENDENT),
    "home": Pair(Behaviour.ENDPOINT_INDEPENDENT, Behaviour.ADDRESS_AND_PORT_DEPENDENT),
    "strict": Pair(Behaviour.ADDRESS_AND_PORT_DEPENDENT, Behaviour.ADDRESS_AND_PORT_DEPENDENT),
}
"""How a NAT maps and filters. Behind an `open` one the UE asks a STUN server, and says where it can be reached."""

EXCHANGES: tuple[Exchange, ...] = ("active-passive", "passive-active", "actpass-active", "actpass-passive")
"""a=setup of UE A's offer, and of UE B's answer where UE B may choose."""

MECHANISMS: dict[Mechanism, str] = {
    "refuse": "end-to-end TLS as specified: a=setup stays, and what can't be opened is refused [TS 23.334 §6.2.10A]",
    "blind": "a=setup stays, and the gateways try whatever comes of it",
    "merge": "a=setup is changed for UEs behind NATs, as if there were no TLS [TS 23.334 §5.16.2.3]",
    "b2bua": "the gateways end TLS on both sides [TR 29.828 §5.1.2.2]",
    "annex-d": "a UE behind a NAT that filters opens TCP although it is passive, and says so [TR 29.828 Annex D]",
    "annex-d-silent": "the same, but no UE says so",
    "e2ae": "no end-to-end TLS: UEs ask for security up to their edges [TS 23.334 §5.11.2]",
}
"""What is asked for, and what both edges do with it."""


class Task(msgspec.Struct, frozen=True):
    """One call. Fields as the arguments of `table`; `exchange`: see `EXCHANGES`."""

    a: Nat
    b: Nat
    exchange: Exchange
    mechanism: Mechanism
    media: Media = "msrp"
    key: Key = "certificate"
    tls: Tls = "1.3"
    seed: int = 1


class Cell(msgspec.Struct, frozen=True):
    """What became of one call, as its packets show it.

    Args:
        outcome: `works`: what UE A said arrived, and was answered; `two clients`: both UEs sent a ClientHello.
        end_to_end: one TLS session went from UE to UE.
        readers: who in the middle holds words of a user in the clear, each with its own keys and its own wires:
            `IMS-AGW A`, `IMS-AGW B`, and `Core`, which stands for whoever listens there, without any key.
        why: what the packets say of it.
    """

    outcome: Outcome
    end_to_end: bool
    readers: tuple[str, ...]
    why: str

    @property
    def connects(self) -> bool:
        """What UE A said arrived, and the answer to it came back."""
        return self.outcome == "works"

    def __str__(self) -> str:
        if self.connects:
            return "end to end" if self.end_to_end and not self.readers else "works, is read"
        return f"{self.outcome}{', is read' if self.readers else ''}"


class Row(msgspec.Struct, frozen=True):
    """Two NATs, and a cell for each of `EXCHANGES`."""

    a: Nat
    b: Nat
    cells: tuple[Cell, ...]


class Table(msgspec.Struct, frozen=True):
    """All calls of one mechanism."""

    mechanism: Mechanism
    media: Media
    key: Key
    rows: tuple[Row, ...]

    def cell(self, a: Nat, b: Nat, exchange: Exchange) -> Cell:
        """The call between two NATs."""
        row = next(row for row in self.rows if (row.a, row.b) == (a, b))
        return row.cells[EXCHANGES.index(exchange)]

    @property
    def cells(self) -> tuple[Cell, ...]:
        """All of them, row by row."""
        return tuple(cell for row in self.rows for cell in row.cells)

    def __str__(self) -> str:
        cells = self.cells
        lines = [
            f"{self.mechanism}, {self.media.upper()}, {self.key}: {MECHANISMS[self.mechanism]}",
            f"{sum(cell.connects for cell in cells)} of {len(cells)} calls work, "
            f"{sum(cell.connects and cell.end_to_end for cell in cells)} of them end to end; "
            f"in {sum(bool(cell.readers) for cell in cells)} the middle reads", "",
            f"{'NAT A':<7} {'NAT B':<7} " + " ".join(f"{exchange:<{_WIDTH}}" for exchange in EXCHANGES)]
        lines += [f"{row.a:<7} {row.b:<7} " + " ".join(f"{cell!s:<{_WIDTH}}" for cell in row.cells)
                  for row in self.rows]
        readers = sorted({reader for cell in cells for reader in cell.readers})
        if readers:
            lines += ["", f"read by: {', '.join(readers)}"]
        return "\n".join(line.rstrip() for line in lines)


_WIDTH = 22
