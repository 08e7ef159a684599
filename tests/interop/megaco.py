"""A controller made of Erlang/OTP's megaco that a test orders about, and the bridges that it makes of a gateway."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import msgspec
from interop.children import Child, Children
from interop.erlang import compiled
from programs import need

PACKAGES = "erlang-base erlang-megaco"


class End(msgspec.Struct, frozen=True):
    """A termination as its controller knows it.

    Args:
        local: the lines of its Local descriptor, as the gateway filled them in.
    """

    context: str
    name: str
    local: tuple[str, ...]

    def line(self, start: str) -> str:
        """The rest of the line that begins so."""
        return next(line.removeprefix(start) for line in self.local if line.startswith(start))

    @property
    def port(self) -> int:
        """Where the gateway is."""
        return int(self.line("m=").split("_")[1])

    @property
    def described(self) -> str:
        """Local once more, as an order writes it."""
        return "|".join(self.local)


def described(address: str, port: object, proto: str, setup: str, *more: str) -> str:
    """SDP as an order writes it."""
    lines = ["v=0", f"c=IN IP4 {address}", f"m=message {port} {proto} *", f"a=setup:{setup}", *more]
    return "|".join(lines).replace(" ", "_")


class Megaco:
    """The controller, in an Erlang process.

    Args:
        programs: it is one of these.
        ebin: folder of the compiled modules.
        transport, coding: of H.248.
    """

    def __init__(
        self, programs: Children, ebin: Path, transport: str = "udp", coding: str = "pretty", port: int = 2950,
    ) -> None:
        self.binary = coding == "binary"
        self._numbers = itertools.count(1)
        self.child: Child = programs.start(
            need("erl", PACKAGES), "-noshell", "-pa", compiled(ebin), "-run", "h248_controller", "main", transport,
            coding, programs.address, port)
        self.child.says("^listening")

    def order(self, *words: object) -> list[list[str]]:
        """Order it to ask the gateway; the words of each answer."""
        number = next(self._numbers)
        self.child.write((" ".join(map(str, (number, *words))) + "\n").encode())
        self.child.says(rf"^answered {number}$")
        answers = [words[2:] for words in self._said("answer") if words[0] == str(number)]
        assert all(words[:1] != ["failed"] for words in answers), answers
        return answers

    def heard(self, what: str, pattern: str = "") -> list[str]:
        """Wait until the gateway has said something unasked; its words, as megaco gives them (in lower case)."""
        found = self.child.says(rf"^{what}\b.*{pattern}.*$")
        return found[0].split()[1:]

    def methods(self) -> list[str]:
        """How the gateway has registered, each time."""
        return [method for (method,) in self._said("registered")]

    def _said(self, what: str) -> list[list[str]]:
        text = self.child.output.decode(errors="replace")
        return [line.split()[1:] for line in text.splitlines() if line.startswith(f"{what} ")]

    @property
    def complaints(self) -> list[str]:
        """What it did not like."""
        return re.findall(r"^(?:failed|syntax|message|unexpected)\b.*$", self.child.text, re.MULTILINE)

    def add(
        self, context: str, side: str, local: str, remote: str = "-", watch: str = "", *, starts: str = "",
        properties: str = "-",
    ) -> End:
        """Add a termination; what is watched for is what can be told in the coding unless it is said.

        Args:
            starts: `tcp`, or `tcp,tls`: what the gateway is to establish at once.
            properties: `name=value`, several with commas, in LocalControl; with `starts`.
        """
        watch = watch or ("cause" if self.binary else "cause,tcp,tls")
        what, more = ("start", (properties, starts or "-")) if starts or properties != "-" else ("add", ())
        ((where, name, *found),) = self.order(what, context, side, "sendRecv", local, remote, watch, *more)
        filled = next(word.removeprefix("local=") for word in found if word.startswith("local="))
        return End(where, name, tuple(filled.split("|")))

    def modify(self, end: End, more: str = "", remote: str = "-", watch: str = "") -> None:
        """Modify a termination: one more line in its Local, another Remote."""
        local = "|".join([*end.local, more.replace(" ", "_")] if more else end.local)
        watch = watch or ("cause" if self.binary else "cause,tcp,tls")
        answers = self.order("modify", end.context, end.name, "sendRecv", local, remote, watch)
        assert [words[:2] for words in answers] == [[end.context, end.name]], answers

    def subtract(self, context: str, termination: str = "*") -> dict[str, int]:
        """Subtract; the statistics that the reply gives."""
        answers = self.order("subtract", context, termination)
        assert all("error" not in words and "refused" not in words for words in answers), answers
        pairs = (word.split("=") for words in answers for word in words if word.startswith("nt/"))
        return {name: int(value) for name, value in pairs}
