# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The checks before a migration with the identity's own keys, and the refusal where only an envelope is wanted
(docs/canton/migration.md#importing-the-old-keys, docs/canton/kms.md#two-modes)."""

from __future__ import annotations

from ..copying.users import read_users
from ..identity import initialisation
from ..model.entities import ADMIN_USER, OPERATORS_TURN, Identity, Synchronizer
from ..model.ids import namespace_of
from ..model.interface import Canton3, Reader
from ..model.key_pair import ExportRefused, KeyUnknown
from ..model.keys import can_import
from ..topology import synchronizers
from . import contracts as preflight_contracts
from . import known_bugs
from .findings import ENVELOPE, Findings
from .node import check_backup, check_node, check_pruning

NO_KEY = "1220" + 64 * "0"


def examine(findings: Findings, ours: Identity, theirs: Identity) -> None:
    if findings.request.method == ENVELOPE:
        findings.error(
            "envelope_needs_no_migration",
            "Encrypting a participant's key store with a KMS key (a wrapper key, an envelope) requires no migration",
            "Back up its database. Then set crypto.private-key-store.encryption.type = kms in its configuration and restart it. "
            "To undo this later, set encryption.reverted = true.",
        )
        return
    if 2 in (findings.source.major, findings.target.major):
        findings.error(
            "key_import_release",
            "Only keys of a Canton 3 participant can be imported for a Canton 3 participant",
            "Migrate by delegation (method delegation), which Canton 2 supports too.",
        )
        return
    report = findings.warn if findings.request.accept_key_import_crash else findings.error
    report(
        "key_import_crashes",
        "On real networks the target crashes at every start, while the source is already off: a new database with an existing identity "
        "replays the history of its member from the sequencer and stops at the contracts that were imported before "
        "(LOCAL_VERDICT_CREATES_EXISTING_CONTRACTS)",
        "Migrate to a new participant by namespace delegation (method other_synchronizer), or on Canton 3.5 with method same_synchronizer. "
        "Only for a test: set accept_key_import_crash to true.",
    )
    if not check_node(findings, findings.source, ours) or not _check_target(findings, ours, theirs):
        return
    check_backup(findings)
    known_bugs.check(findings, ours, theirs)
    findings.as_finding(check_pruning, findings)
    findings.as_finding(_check_keys, findings, ours, theirs.uid == ours.uid)
    findings.warn(
        "key_copies_remain",
        "The private keys were outside the KMS until now: the old node's database and all its backups have copies that stay valid",
        "Destroy these copies when the migration is accepted. If keys must never have been outside the KMS, use method delegation.",
    )
    old = findings.as_finding(synchronizers.find, findings.source, findings.request.source_synchronizer)
    if (
        old is None
        or findings.as_finding(synchronizers.known_id, findings.source, findings.request.source_synchronizer) is None
    ):
        return
    _check_synchronizers(findings, old)
    parties = moving(findings.source, ours.uid, old)
    findings.plan.parties = len(parties)
    findings.as_finding(preflight_contracts.check_all_contracts, findings, old, parties)
    users = findings.as_finding(read_users, findings.source, [item.id for item in findings.source.identity_providers()])
    findings.plan.users = len(
        [user for user in users or () if user[1] not in (ADMIN_USER, *findings.request.skip_users)]
    )


def moving(source: Reader, uid: str, old: Synchronizer) -> set[str]:
    """All parties that the node hosts, and its admin party, as the identity itself moves."""
    return {item.party for item in source.hostings(old.id, uid)} | {uid}


def _check_target(findings: Findings, ours: Identity, theirs: Identity) -> bool:
    if not theirs.initialized and theirs.waiting_for in OPERATORS_TURN and theirs.uid in ("", ours.uid):
        return True
    if theirs.uid != ours.uid:
        findings.error(
            "key_import_target",
            f"The target does not wait for an identity (it has {theirs.uid or 'none'}), and a node cannot change its identity",
            f"Start a new node with an empty database and with {initialisation.MANUAL_LINES}.",
        )
        return False
    outside = [key for key in findings.target.own_keys() if not key.kms_key_id]
    if outside:
        findings.error(
            "target_not_on_kms",
            f"{len(outside)} of the target's keys are not in a KMS. Is it the source itself?",
            "Correct the endpoints. The target must be a second node, with crypto.provider = kms.",
        )
    return not outside


def _check_keys(findings: Findings, ours: Identity, arrived: bool) -> None:
    source = initialisation.require_canton_3(findings.source.require_live("reading its keys"))
    old = initialisation.read_old(source)
    findings.plan.keys = {key.fingerprint: f"{key.purpose} {key.spec}" for key in old.keys}
    provider = findings.request.kms_provider
    for key in old.keys:
        if can_import(provider, key.spec, signs=key.signs):
            continue
        words = f"The source's {key.purpose} key {key.fingerprint[:12]}… has spec {key.spec}, which Canton cannot use in the KMS of {provider.upper()}"
        if key.purpose == "namespace":
            findings.error(
                "key_import_namespace_key",
                words + ", and a namespace key can't be rotated",
                "Migrate by delegation (method delegation)"
                + (
                    ", or to a KMS of GCP, which takes Ed25519 keys."
                    if key.spec == "ec_curve25519" and provider == "aws"
                    else "."
                ),
            )
        elif findings.request.rotate_keys:
            findings.warn(
                "key_import_rotates",
                words + ": prepare rotates it on the source",
                "Other members of the synchronizer see the new key: inform them if they monitor keys.",
            )
        else:
            findings.error(
                "key_import_key_spec",
                words,
                "Rotate it on the source first (participant_key_rotation), or set rotate_keys to true.",
            )
    if not any(key.fingerprint == namespace_of(ours.uid) for key in old.keys):
        findings.warn(
            "key_import_root_offline",
            "The source does not hold the root key of its namespace; the new node gets the delegated key with which the source signs",
            "No action: keep the root key where it is.",
        )
    if not arrived:
        _check_export(findings, source, ours)
    wrapper = source.wrapper_key_id()
    if wrapper is not None:
        findings.warn(
            "key_import_from_envelope",
            f"The source's key store is encrypted with the KMS key {wrapper}; and it exports its keys nevertheless",
            "If only this encryption is wanted, no migration is needed.",
        )


def _check_export(findings: Findings, source: Canton3, ours: Identity) -> None:
    """The node's error for a key that does not exist shows whether it exports any key (docs/canton/keys.md#exporting-a-key-pair)."""
    try:
        source.export_key_pair(NO_KEY, max(ours.protocol_versions))
    except KeyUnknown:
        return
    except ExportRefused as exc:
        findings.error("key_import_not_exportable", exc.message, exc.hint)


def _check_synchronizers(findings: Findings, old: Synchronizer) -> None:
    others = [item.alias for item in findings.source.synchronizers() if item.id and item.id != old.id]
    if others:
        findings.warn(
            "key_import_more_synchronizers",
            f"The source knows {', '.join(sorted(others))} too, and is disconnected there as well after the migration",
            f"Register and connect the target there after the migration. Contracts on other synchronizers than {old.alias} are refused.",
        )
    wanted = findings.request.target_synchronizer
    there = (
        {item.alias: item for item in findings.target.synchronizers()} if findings.target.identity().initialized else {}
    )
    if wanted in there and there[wanted].id not in ("", old.id):
        findings.error(
            "different_synchronizers",
            f"The target's {wanted} is another synchronizer than the source's {old.alias}, but a participant keeps its synchronizer with its identity",
            "Set source_synchronizer and target_synchronizer to the same one, or choose another method.",
        )
