# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The checks before a migration: everything that would make it fail, found before anything is changed.

All findings are described in docs/preflight.md, their reasons in docs/canton/migration.md#before-the-start.
"""

from __future__ import annotations

import time
import typing as t
from dataclasses import asdict, replace

from ..copying.users import plan_copy
from ..model import ids
from ..model.entities import AUTHORIZED, Identity, Key, Synchronizer
from ..model.ids import namespace_of
from ..model.interface import Reader, require_same_major
from ..model.keys import KMS_PROVIDERS, generated_specs
from ..topology import delegation, hosting, synchronizers
from . import contracts as preflight_contracts
from . import dars, known_bugs
from .findings import ENVELOPE, KEY_IMPORT, Findings, MigrationRequest, Parties
from .node import check_backup, check_node, check_pruning

# The release line whose ExportPartyAcs was tested on real nodes (docs/canton/party-replication.md#order-of-the-steps)
PARTY_SNAPSHOTS_CHECKED = (3, 5)
CLOCK_SECONDS = 10.0  # more than the delay of a response
SPLICE_DSO = "DSO::"


def examine(source: Reader, target: Reader, request: MigrationRequest) -> Findings:
    """All findings, and the plan with numbers as far as they could be read."""
    findings = Findings(source, target, request)
    ours, theirs = source.identity(), target.identity()
    findings.plan.source, findings.plan.target = ours.uid, theirs.uid
    if request.method in (KEY_IMPORT, ENVELOPE):
        _refuse_method(findings)
    elif _are_comparable(findings, ours, theirs):
        _examine(findings, ours, theirs)
    return findings


def _refuse_method(findings: Findings) -> None:
    if findings.request.method == KEY_IMPORT:
        findings.error(
            "key_import_crashes",
            "Method key_import was removed: on real networks the target, a new database with the identity of the source, crashes at every "
            "start, while the source is already off",
            "Use method in_place, by which the participant itself goes onto the KMS (docs/in-place.md).",
        )
        return
    findings.error(
        "envelope_needs_no_migration",
        "Encrypting a participant's key store with a KMS key (a wrapper key, an envelope) requires no migration",
        "Back up its database. Then set crypto.private-key-store.encryption.type = kms in its configuration and restart it. "
        "To undo this later, set encryption.reverted = true.",
    )


def _are_comparable(findings: Findings, ours: Identity, theirs: Identity) -> bool:
    """Two different participants of one major release, both ready: without these nothing else can be read."""
    ready = [check_node(findings, *each) for each in ((findings.source, ours), (findings.target, theirs))]
    if not all(ready):
        return False
    if ours.uid == theirs.uid:
        findings.error("same_participant", "Source and target are the same participant", "Correct the endpoints.")
        return False
    before = len(findings.all)
    findings.as_finding(require_same_major, findings.source, findings.target)
    return len(findings.all) == before


def _examine(findings: Findings, ours: Identity, theirs: Identity) -> None:
    check_backup(findings)
    if findings.request.stays_on_synchronizer:
        _check_method(findings, ours, theirs)
    known_bugs.check(findings, ours, theirs)
    _check_keys(findings)
    findings.as_finding(check_pruning, findings)
    pair = findings.as_finding(_check_synchronizers, findings, ours)
    if pair is None:
        return
    findings.pair = old, new = pair
    protocols = findings.source.protocol_version(old), findings.target.protocol_version(new)
    known_bugs.check_protocols(findings, ours, theirs, protocols)
    _check_clocks(findings, old, new)
    findings.as_finding(_check_delegation, findings, ours, theirs, new)
    parties = findings.as_finding(_check_parties, findings, ours, theirs, old, new) or Parties()
    if findings.request.count_contracts:
        findings.as_finding(preflight_contracts.check_contracts, findings, (ours, theirs), old, new, parties)
    findings.as_finding(dars.check_dars, findings, new)
    findings.as_finding(_check_users, findings)


def _check_method(findings: Findings, source: Identity, target: Identity) -> None:
    """What a move on one synchronizer needs beyond the rest (docs/canton/party-replication.md#offboarding-is-not-supported)."""
    lines = [known_bugs.parse(identity.version) for identity in (source, target)]
    if any(line is None or line[0] != PARTY_SNAPSHOTS_CHECKED for line in lines):
        findings.error(
            "same_synchronizer_release",
            f"The source runs Canton {source.version} and the target {target.version}, but parties move on one synchronizer only between "
            "nodes of Canton 3.5: party snapshots of 3.4 and 3.5 are not verified against each other",
            "Upgrade both to Canton 3.5, or migrate to another synchronizer.",
        )
    report = findings.warn if findings.request.accept_unsupported else findings.error
    report(
        "unsupported_by_vendor",
        "The manual of Canton 3.5 calls it not supported to remove a party from a participant, and so to move parties on one synchronizer",
        "Migrate to another synchronizer, or, at your own risk, set accept_unsupported to true.",
    )


def _check_keys(findings: Findings) -> None:
    if not findings.request.require_kms:
        return
    if not findings.target.reports_kms_keys:
        findings.warn(
            "kms_not_visible",
            "The API of Canton 2 does not report whether the target's keys are in a KMS",
            "Check it in the target's configuration (crypto.provider = kms, enterprise edition).",
        )
        return
    keys = findings.target.own_keys()
    outside = [key for key in keys if not key.kms_key_id]
    if outside or not keys:
        findings.error(
            "target_not_on_kms",
            f"{len(outside)} of the target's {len(keys)} keys are not in a KMS: {', '.join(key.name or key.fingerprint[:12] for key in outside[:4])}",
            "Run the target with crypto.provider = kms, or set require_kms to false to migrate without a KMS.",
        )
    for key in keys:
        if key.kms_key_id:
            _check_kms_key(findings, key)


def _check_kms_key(findings: Findings, key: Key) -> None:
    provider = findings.request.kms_provider
    specs = generated_specs(provider, key.purpose)
    if key.spec in specs:
        return
    others = [name for name in KMS_PROVIDERS if key.spec in generated_specs(name, key.purpose)]
    elsewhere = (
        f" If the target's keys are in the KMS of {others[0].upper()}, set kms_provider to {others[0]}."
        if others
        else ""
    )
    findings.error(
        "kms_key_spec",
        f"The target's key {key.name or key.fingerprint[:12]} has spec {key.spec}, which Canton cannot use for {key.purpose} in the KMS of "
        f"{provider.upper()}",
        f"For {key.purpose}, use {' or '.join(specs)}.{elsewhere}",
    )


def _check_synchronizers(findings: Findings, source: Identity) -> tuple[Synchronizer, Synchronizer] | None:
    found = []
    for participant, wanted in (
        (findings.source, findings.request.source_synchronizer),
        (findings.target, findings.request.target_synchronizer),
    ):
        item = findings.as_finding(synchronizers.known, participant, wanted)
        if item is not None:
            found.append(item)
    if len(found) < 2:
        return None
    old, new = found
    if findings.request.stays_on_synchronizer and old.id != new.id:
        findings.error(
            "different_synchronizers",
            f"The synchronizers are {ids.short(old.id)} and {ids.short(new.id)}, but this method moves parties on one synchronizer",
            "Set source_synchronizer and target_synchronizer to the same one, or set method to other_synchronizer.",
        )
        return None
    if old.id == new.id and not findings.request.stays_on_synchronizer:
        findings.error(
            "same_synchronizer",
            f"Source and target use the same synchronizer {ids.short(old.id)}, but this method moves contracts to another one",
            "Connect the target to another synchronizer and set target_synchronizer to it, or set method to same_synchronizer.",
        )
        return None
    _check_protocol_versions(findings, source, old, new)
    others = [item.alias for item in findings.target.synchronizers() if item.connected and item.id != new.id]
    if others:
        findings.error(
            "target_on_other_synchronizers",
            f"The target is also connected to {', '.join(sorted(others))}, and contracts can only be imported while it is connected to none",
            "Disconnect it there for the time of the migration, and connect it again afterwards.",
        )
    return old, new


def _check_clocks(findings: Findings, old: Synchronizer, new: Synchronizer) -> None:
    """A synchronizer cannot be ahead of a correct clock. One that is behind is no finding: it may be idle."""
    for participant, item in ((findings.source, old), (findings.target, new)):
        seen = participant.last_time(item.id) if item.connected else None
        ahead = 0.0 if seen is None else seen - time.time()
        if ahead > CLOCK_SECONDS:
            findings.warn(
                "clock_skew",
                f"Synchronizer {item.alias} of the {participant.label} is {ahead:.0f} s ahead of the clock of the host that runs this",
                "Synchronise the clocks with NTP: time stamps and the measured downtime come from this host, and Canton refuses requests with a wrong time.",
            )


def _check_protocol_versions(findings: Findings, source: Identity, old: Synchronizer, new: Synchronizer) -> None:
    ours = findings.source.protocol_version(old)
    theirs = findings.request.target_protocol_version or findings.target.protocol_version(new)
    if ours and theirs and theirs < ours:
        findings.error(
            "protocol_version",
            f"The target's synchronizer runs protocol version {theirs}, the source's {ours}",
            "Migrate to a synchronizer of the same or a later protocol version: an older one refuses newer contract ids.",
        )
    if not findings.source.writes_for_protocol_version:
        return
    # Canton 2 writes the target's protocol version into the snapshot, and has to know how (docs/canton/canton-2.md#export-and-import).
    if theirs is None:
        findings.error(
            "protocol_version_unknown",
            f"The target does not report the protocol version of {new.alias}, which Canton 2 writes into the snapshot",
            "Set target_protocol_version to that of the domain.",
        )
    elif source.protocol_versions and theirs not in source.protocol_versions:
        findings.error(
            "protocol_version_unsupported",
            f"The source does not support protocol version {theirs} of {new.alias} and cannot export for it",
            "Upgrade the source to a release that supports it, or migrate to a domain of a version that it supports.",
        )


def _check_delegation(findings: Findings, source: Identity, target: Identity, new: Synchronizer) -> None:
    key = delegation.namespace_key(findings.target, target.uid)
    state = delegation.delegation_state(findings.source, findings.target, source.namespace, key.fingerprint, new.id)
    findings.plan.delegation = asdict(state)
    if not state.complete and source.namespace not in findings.request.namespaces:
        delegation.refuse_without_root_key(findings.source, source.namespace, state)
        delegation.refuse_removed_delegation(
            findings.source, findings.target, source.namespace, key.fingerprint, new.id
        )
        if not any(item.is_root_certificate for item in findings.source.delegations(AUTHORIZED, source.namespace)):
            findings.error(
                "certificate_missing",
                f"The source's store has no root certificate of its namespace {source.namespace[:12]}…",
                "Load the root certificate into the source's authorized store.",
            )


def _check_parties(
    findings: Findings, source: Identity, target: Identity, old: Synchronizer, new: Synchronizer
) -> Parties:
    delegated = (
        set() if findings.request.stays_on_synchronizer else delegation.delegated_namespaces(findings.target, new.id)
    )
    selection = hosting.select_parties(
        findings.source,
        source.uid,
        old.id,
        findings.request.parties,
        findings.request.exclude,
        {*delegated, *findings.request.namespaces},
    )
    on_their_way, arrived = (
        _moved_before(findings, source, target, old) if findings.request.stays_on_synchronizer else (set(), set())
    )
    _report_refused(
        findings, {party: why for party, why in selection.refused.items() if party not in on_their_way | arrived}
    )
    _check_super_validator(findings, source, old)
    moving = set(selection.movable) | (on_their_way & set(selection.refused))
    if not moving and not arrived:
        findings.error(
            "no_parties", "There is no party to move", "Check source, source_synchronizer, parties and exclude."
        )
    findings.plan.parties = len(moving)
    findings.plan.namespaces = {
        namespace: {"parties": number, "delegation": _delegation_of(namespace, source, target, delegated)}
        for namespace, number in selection.namespaces().items()
    }
    if not findings.request.stays_on_synchronizer:
        wanted = {party: hosting.hosted_on(mapping, target.uid) for party, mapping in selection.movable.items()}
        findings.as_finding(hosting.missing_hostings, findings.target, new.id, wanted, findings.request.replace_hosts)
    return Parties(moving, moving - on_their_way, arrived)


def _report_refused(findings: Findings, refused: t.Mapping[str, str]) -> None:
    """Each party with its reason; those that only lack the delegation of their namespace together, as one remedy is for all."""
    undelegated: dict[str, list[str]] = {}
    for party, reason in sorted(refused.items()):
        if reason == hosting.OF_ANOTHER_NAMESPACE:
            undelegated.setdefault(namespace_of(party), []).append(party)
        else:
            findings.error(
                "party_not_movable",
                f"Party {ids.short(party)} cannot be moved: {reason}",
                "Exclude it (it stays on the source), or move it with its own authorisation.",
            )
    for namespace, parties in undelegated.items():
        findings.error(
            "party_not_movable",
            f"{len(parties)} parties of namespace {namespace} cannot be moved, as no delegation to the target covers it: {ids.some(parties)}"
            if len(parties) > 1
            else f"Party {ids.short(parties[0])} cannot be moved: {hosting.OF_ANOTHER_NAMESPACE}",
            hosting.HAVE_IT_DELEGATED,
        )


def _delegation_of(namespace: str, source: Identity, target: Identity, delegated: t.Collection[str]) -> str:
    """How the target is authorised to sign for a namespace."""
    if namespace == target.namespace:
        return "not needed"
    if namespace in delegated:
        return "in force"
    return "signed by the source" if namespace == source.namespace else "signed elsewhere"


def _moved_before(
    findings: Findings, source: Identity, target: Identity, old: Synchronizer
) -> tuple[set[str], set[str]]:
    """Parties that an earlier run on one synchronizer has started to move, and those that it moved; neither is a finding."""
    on_their_way, arrived = set(), set()
    for item in findings.source.hostings(old.id, target.uid):
        hosts = {host.participant for host in item.hosts}
        if hosts == {source.uid, target.uid}:
            alone = replace(item, hosts=tuple(replace(host, onboarding=False) for host in item.hosts[:1]))
            if hosting.why_not_movable(alone, source.uid, {source.namespace}, ()) is None:
                on_their_way.add(item.party)
        elif hosts == {target.uid} and namespace_of(item.party) == source.namespace:
            arrived.add(item.party)
    return on_their_way, arrived


def _check_super_validator(findings: Findings, source: Identity, old: Synchronizer) -> None:
    """The decentralised party of a Splice network is hosted by its super validators only (docs/canton/migration.md#parties-of-a-super-validator)."""
    for item in findings.source.hostings(old.id, source.uid):
        if item.party.startswith(SPLICE_DSO) and namespace_of(item.party) in findings.source.decentralized_namespaces(
            old.id
        ):
            findings.error(
                "splice_super_validator",
                f"The source hosts {ids.short(item.party)}: it is a super validator of a Splice network, which cannot be migrated this way",
                "Follow the vendor's procedure: onboard a second super validator on a KMS, and transfer the weight to it.",
            )


def _check_users(findings: Findings) -> None:
    """Planning the copy refuses what the copy itself would refuse later."""
    findings.plan.users = len(
        plan_copy(findings.source, findings.target, findings.request.skip_users, admin_rights=False).users
    )
