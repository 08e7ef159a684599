"""Rules that a capture can break, one file each. A new rule: copy `setup_answer.py`, and name it in `RULES`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.analysis.rules import (
    answer_drops_security,
    bfcp_ids,
    bfcp_refused,
    bfcp_tls_client,
    bfcp_unanswered,
    both_active,
    both_tls_clients,
    call_without_bearer,
    cema_made_aware,
    cema_not_answered,
    clear_on_dtls_leg,
    clear_on_tls_leg,
    clear_taken,
    connection_never_comes,
    connection_refused,
    core_before_check,
    core_ended_by_order,
    core_left_open,
    dtls_client,
    dtls_not_closed,
    e2ae_direction,
    e2ae_not_agreed,
    failure_not_released,
    fax_datagram_size,
    fax_lost,
    fax_refused,
    fax_sdp,
    fingerprint_changed,
    fingerprint_mismatch,
    floor_two_holders,
    floor_undecided,
    former_association_dropped,
    gateway_role,
    handshake_given_up_early,
    handshake_not_given_up,
    handshake_unfinished,
    mismatch_accepted,
    msrp_incomplete,
    msrp_refused,
    msrp_unanswered,
    no_certificate,
    no_close_notify,
    order_unanswered,
    outgoing_although_passive,
    outgoing_before_incoming,
    path_instead_of_connection,
    path_mismatch,
    payload_before_both_up,
    relay_ends_tcp,
    release_not_reported,
    response_before_both_up,
    roles_against_setup,
    security_reaches_core,
    setup_answer,
    setup_changed_by_relay,
    setup_modified_e2e,
    sound_beside_fax,
    syn_into_nat,
    syn_unanswered,
    tcp_failure_not_reported,
    tls_alert,
    tls_failure_not_reported,
    tls_id,
    tls_nothing_in_common,
    tls_without_fingerprint,
    weak_security,
)
from workbench.analysis.rules.rule import Evidence, Rule
from workbench.analysis.values import Finding

if TYPE_CHECKING:
    from workbench.analysis.report import Report

__all__ = ["MOST_OF_ONE_RULE", "RULES", "Evidence", "Rule", "check"]

RULES: tuple[Rule, ...] = (
    security_reaches_core.rule,
    fingerprint_mismatch.rule,
    fingerprint_changed.rule,
    no_certificate.rule,
    answer_drops_security.rule,
    roles_against_setup.rule,
    bfcp_tls_client.rule,
    dtls_client.rule,
    handshake_unfinished.rule,
    bfcp_ids.rule,
    setup_answer.rule,
    fax_sdp.rule,
    setup_modified_e2e.rule,
    both_active.rule,
    syn_into_nat.rule,
    outgoing_although_passive.rule,
    path_instead_of_connection.rule,
    path_mismatch.rule,
    response_before_both_up.rule,
    connection_refused.rule,
    syn_unanswered.rule,
    connection_never_comes.rule,
    relay_ends_tcp.rule,
    call_without_bearer.rule,
    cema_made_aware.rule,
    cema_not_answered.rule,
    gateway_role.rule,
    msrp_incomplete.rule,
    msrp_refused.rule,
    msrp_unanswered.rule,
    setup_changed_by_relay.rule,
    clear_on_tls_leg.rule,
    clear_on_dtls_leg.rule,
    core_left_open.rule,
    order_unanswered.rule,
    release_not_reported.rule,
    tcp_failure_not_reported.rule,
    tls_failure_not_reported.rule,
    failure_not_released.rule,
    core_before_check.rule,
    outgoing_before_incoming.rule,
    no_close_notify.rule,
    tls_nothing_in_common.rule,
    tls_alert.rule,
    fax_lost.rule,
    fax_datagram_size.rule,
    payload_before_both_up.rule,
    # TLS, DTLS, BFCP, T.38
    mismatch_accepted.rule,
    tls_without_fingerprint.rule,
    e2ae_not_agreed.rule,
    e2ae_direction.rule,
    weak_security.hash_rule,
    weak_security.version_rule,
    both_tls_clients.rule,
    handshake_not_given_up.rule,
    handshake_given_up_early.rule,
    clear_taken.rule,
    core_ended_by_order.rule,
    tls_id.missing,
    tls_id.ignored,
    tls_id.renewed,
    former_association_dropped.rule,
    dtls_not_closed.rule,
    bfcp_refused.rule,
    bfcp_unanswered.rule,
    floor_undecided.rule,
    floor_two_holders.rule,
    sound_beside_fax.rule,
    fax_refused.rule,
)
"""All rules, in the order in which findings are told."""

MOST_OF_ONE_RULE = 100


def check(report: Report) -> tuple[Finding, ...]:
    """What the report breaks, in order of rule and place. After `MOST_OF_ONE_RULE` a rule says no more."""
    found: list[Finding] = []
    for rule in RULES:
        for count, evidence in enumerate(rule.find(report)):
            if count == MOST_OF_ONE_RULE:
                report.notes.append(f"rule {rule.id}: only the first {MOST_OF_ONE_RULE} findings are told")
                break
            frames = tuple(dict.fromkeys(evidence.frames))
            found.append(Finding(rule.id, rule.clause, rule.severity, rule.title, frames, evidence.explanation,
                                 rule.provisional, rule.next))
    return tuple(found)
