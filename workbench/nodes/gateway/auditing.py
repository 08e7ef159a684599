"""What audits are answered with (H.248.1 §7.1.12, §7.2.5)."""

from __future__ import annotations

from workbench.nodes.gateway.contexts import Termination
from workbench.nodes.gateway.settings import Limits, Profile, Refused
from workbench.protocols.h248 import message as h248


class Auditor:
    """Shows what terminations are now."""

    def __init__(self, profile: Profile, limits: Limits, realms: tuple[str, ...]) -> None:
        self._profile = profile
        self._limits = limits
        self._realms = realms

    def audited(self, termination: Termination, audit: h248.Audit, now: float) -> list[h248.Descriptor]:
        """What the termination's descriptors say now; an empty Audit asks for nothing."""
        shown: list[h248.Descriptor] = []
        for item in audit.items:
            match item.name:
                case "Media":
                    shown.append(self._media(termination, item))
                case "Events":
                    shown.append(termination.events or h248.Token("Events"))
                case "Signals":
                    shown.append(termination.signals or h248.Token("Signals"))
                case "Packages":
                    shown.append(h248.Packages(tuple(
                        h248.PackageVersion(name, version) for name, version in self._profile.packages.items())))
                case "Statistics":
                    shown.append(termination.statistics(now))
                case name:
                    shown.append(h248.Token(name))
        return shown

    def _media(self, termination: Termination, item: h248.AuditItem) -> h248.Media:
        if termination.name == h248.ROOT:
            return self._root(item)
        streams = []
        for number in sorted(termination.bearers):
            local, remote = termination.locals.get(number), termination.remotes.get(number)
            streams.append(h248.StreamDescriptor(
                number, termination.control(number), None if local is None else (local,),
                None if remote is None else (remote,)))
        return h248.Media(tuple(streams), h248.TerminationState(h248.ServiceState.IN_SERVICE))

    def _root(self, item: h248.AuditItem) -> h248.Media:
        """Properties of ROOT: all of them, or those that the audit names."""
        values = {
            "ipra/ar": h248.Property(
                "ipra/ar", tuple(h248.Quoted(realm) for realm in self._realms), h248.Form.LIST),
            "root/maxnumberofcontexts": h248.Property(
                "root/maxNumberOfContexts", (str(self._limits.contexts),)),
            "root/maxterminationspercontext": h248.Property(
                "root/maxTerminationsPerContext", (str(self._limits.terminations_per_context),)),
        }
        only = item.only.termination_state if isinstance(item.only, h248.Media) else None
        names = [one.name.lower() for one in only.properties] if only is not None else list(values)
        for name in names:
            if name not in values:
                raise Refused(450, name)
        return h248.Media((), h248.TerminationState(
            h248.ServiceState.IN_SERVICE, properties=tuple(values[name] for name in names)))
