"""A settings file: read, converted, and quoted by key and line where something in it is wrong."""

from __future__ import annotations

import ipaddress
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec

from workbench.errors import SettingsError, WorkbenchError
from workbench.net.values import Endpoint

if TYPE_CHECKING:
    from workbench.protocols.h248.packages import Registry

_MOST_OCTETS = 1_048_576
_S = TypeVar("_S", bound=msgspec.Struct)


class File(msgspec.Struct, frozen=True):
    """A settings file, kept for the lines that errors name."""

    path: Path
    text: str

    @classmethod
    def read(cls, path: Path) -> File:
        """Read it. Raises SettingsError: it can't be read."""
        try:
            if path.stat().st_size > _MOST_OCTETS:
                raise SettingsError(f"{path}: over {_MOST_OCTETS} octets is no settings file")
            return cls(path, path.read_text(encoding="utf-8"))
        except OSError as error:
            raise SettingsError(f"{path}: {error.strerror or error}") from None
        except UnicodeDecodeError as error:
            raise SettingsError(f"{path}: not UTF-8 at octet {error.start}") from None

    def settings(self, kind: type[_S]) -> _S:
        """What it says. Raises SettingsError with key and line."""
        try:
            table = tomllib.loads(self.text)
        except tomllib.TOMLDecodeError as error:
            raise SettingsError(f"{self.path}: {error}") from None
        try:
            return msgspec.convert(table, kind)
        except msgspec.ValidationError as error:
            raise self._invalid(str(error)) from None

    def endpoint(self, key: str, given: str, port: int | None = None) -> Endpoint:
        """`address:port`, or `address` where there is a default port. Raises SettingsError."""
        found = re.fullmatch(r"(?:\[([^\]]+)\]|([^:]+)|([^\[\]]*:[^\[\]]*:[^\[\]]*))(?::(\d{1,5}))?", given.strip())
        if found is None:
            raise self.wrong(key, f"{given!r} is not address:port, with an IPv6 address in brackets")
        number = int(found[4]) if found[4] is not None else port
        if number is None or not 0 < number < 65_536:
            raise self.wrong(key, f"{given!r} has no port" if number is None else f"port {number}")
        return Endpoint(self.address(key, found[1] or found[2] or found[3]), number)

    def peer(self, key: str, given: str, port: int, local: Endpoint) -> Endpoint:
        """The endpoint of somebody who is spoken to from `local`. Raises SettingsError, also where that can't be."""
        remote = self.endpoint(key, given, port)
        if remote.version != local.version:
            raise self.wrong(key, f"{remote} can't be reached from {local.host}, which is of another IP version")
        if ipaddress.ip_address(local.host).is_loopback and not ipaddress.ip_address(remote.host).is_loopback:
            raise self.wrong(key, f"{remote} can't be reached from {local.host}, which is for this host alone")
        return remote

    def address(self, key: str, given: str) -> str:
        """An address that peers can be told. Raises SettingsError."""
        try:
            address = ipaddress.ip_address(given.strip().strip("[]"))
        except ValueError:
            raise self.wrong(key, f"{given!r} is not an IPv4 or IPv6 address") from None
        if address.is_unspecified or address.is_multicast:
            raise self.wrong(key, f"{given} is not the address of one host, which peers have to be told")
        return str(address)

    def wrong(self, key: str, what: str, quoted: str | None = None) -> SettingsError:
        """What to raise for a value that can't be used; `quoted`: as it stands in the file, on a line of its own."""
        line = self._line(key) if quoted is None else self._line_of(quoted) or self._line(key)
        where = "" if line is None else f", line {line}"
        return SettingsError(f"{self.path}{where}: {key}: {what}")

    def _invalid(self, said: str) -> SettingsError:
        """msgspec's words with our place: "Expected `int`, got `str` - at `$.ports[0]`"."""
        what, _, place = said.partition(" - at `$")
        what = what[:1].lower() + what[1:].replace("`", "")
        path = place.rstrip("`").strip(".")
        missing = re.fullmatch(r"object missing required field (.+)", what)
        if missing is not None:
            return self.wrong(f"{path}.{missing[1]}".strip("."), "has to be set")
        unknown = re.fullmatch(r"object contains unknown field (.+)", what)
        if unknown is not None:
            return self.wrong(f"{path}.{unknown[1]}".strip("."), "no such setting")
        if path.startswith(("realms", "routes")) and path.endswith("[...]"):
            return self.wrong(path.removesuffix("[...]"), f"{what} for one of its values")
        return self.wrong(path or "the file", what)

    def _line_of(self, quoted: str) -> int | None:
        return next((number for number, line in enumerate(self.text.splitlines(), 1) if quoted in line), None)

    def _line(self, key: str) -> int | None:
        """Where a key is set: the first line that begins with its last part, or with its table."""
        last = re.sub(r"\[.*\]$", "", key).rpartition(".")[2] if not key.startswith(("realms.", "routes.")) else (
            key.partition(".")[2])
        name = re.escape(last)
        pattern = re.compile(rf"""\s*(?:(?:[\w-]+\s*\.\s*)*["']?{name}["']?\s*=|\[\s*["']?{name}["']?\s*\])""")
        return next((number for number, line in enumerate(self.text.splitlines(), 1) if pattern.match(line)), None)


def several(given: str | tuple[str, ...]) -> tuple[str, ...]:
    """One or several as several."""
    return (given,) if isinstance(given, str) else given


def registry_of(file: File, packages: str | None) -> Registry | None:
    """The package registry with a file of the user's laid over it, if one is named. Raises SettingsError."""
    from workbench.protocols.h248.packages import Registry

    if packages is None:
        return None
    try:
        return Registry.load(file.path.parent / packages)
    except WorkbenchError as error:
        raise file.wrong("packages", str(error)) from None
