# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the kinds of topology mappings have in common: codes, unique keys, namespaces, texts
(docs/canton/topology.md#required-signatures)."""

from __future__ import annotations

from typing import Any

from sandbox.wire import crypto, ids

NSD, DND, OTK, DTC, PDP, PHL, VTP, PTP = 1, 3, 4, 5, 6, 7, 8, 9
DOP, MDS, SDS, SEP, PTK, LSU, SCS = 11, 12, 13, 17, 18, 19, 20
ADD, REMOVE = 1, 2

# oneof field of TopologyMapping -> (code, short code of include_mappings and exclude_mappings)
KINDS = {
    "namespace_delegation": (NSD, "nsd"),
    "decentralized_namespace_definition": (DND, "dnd"),
    "owner_to_key_mapping": (OTK, "otk"),
    "synchronizer_trust_certificate": (DTC, "dtc"),
    "participant_permission": (PDP, "pdp"),
    "party_hosting_limits": (PHL, "phl"),
    "vetted_packages": (VTP, "vtp"),
    "party_to_participant": (PTP, "ptp"),
    "synchronizer_parameters_state": (DOP, "dop"),
    "mediator_synchronizer_state": (MDS, "mds"),
    "sequencer_synchronizer_state": (SDS, "sds"),
    "sequencing_dynamic_parameters_state": (SEP, "sep"),
    "party_to_key_mapping": (PTK, "ptk"),
    "synchronizer_upgrade_announcement": (LSU, "lsu"),
    "sequencer_connection_successor": (SCS, "scs"),
}
SHORT_CODES = {short: code for code, short in KINDS.values()}
_PERMISSIONS = {1: "Submission", 2: "Confirmation", 3: "Observation"}
_SPEC_NAMES = {1: "EC-Curve25519", 2: "EC-P256", 3: "EC-P384", 4: "EC-Secp256k1"}
_USAGE_NAMES = {1: "namespace", 3: "sequencer-auth", 4: "signing", 5: "proof-of-ownership"}
NAMESPACE_USAGE = 1


def kind(mapping: Any) -> str:
    """The oneof field that is set; empty for an empty mapping."""
    return mapping.WhichOneof("mapping") or ""


def item(mapping: Any) -> Any:
    return getattr(mapping, kind(mapping))


def code(mapping: Any) -> int:
    return KINDS[kind(mapping)][0]


def is_root(delegation: Any) -> bool:
    return bool(crypto.fingerprint(delegation.target_key) == delegation.namespace)


def restriction(delegation: Any) -> str | list[int]:
    """``"all"``, ``"not-nsd"`` or the list of mapping codes that the delegated key may sign (docs/canton/topology.md#delegations)."""
    which = delegation.WhichOneof("restriction")
    if which == "can_sign_all_mappings":
        return "all"
    if which == "can_sign_all_but_namespace_delegations":
        return "not-nsd"
    if which == "can_sign_specific_mapings":
        return list(delegation.can_sign_specific_mapings.mappings)
    return "all" if delegation.is_root_delegation else "not-nsd"


def may_sign(delegation: Any, mapping_code: int) -> bool:
    allowed = restriction(delegation)
    if isinstance(allowed, list):
        return mapping_code in allowed
    return allowed == "all" or mapping_code != NSD


def subject(mapping: Any) -> str:
    """The id that a mapping is about, as the filters of the lists see it."""
    inner = item(mapping)
    field = {
        NSD: "namespace",
        DND: "decentralized_namespace",
        OTK: "member",
        DTC: "participant_uid",
        PDP: "participant_uid",
        PHL: "party",
        VTP: "participant_uid",
        PTP: "party",
        PTK: "party",
        LSU: "successor_physical_synchronizer_id",
        SCS: "sequencer_id",
    }.get(code(mapping), "synchronizer_id")
    value: str = getattr(inner, field)
    return value


def namespace(mapping: Any) -> str:
    """The namespace that owns the mapping."""
    about = subject(mapping)
    number = code(mapping)
    if number in (NSD, DND):
        return about
    if number in (PDP, PHL):
        return ids.namespace(item(mapping).synchronizer_id)
    return ids.namespace(ids.logical(about) if number == LSU else about)


def unique_key(mapping: Any) -> str:
    """Serials count within this key."""
    number = code(mapping)
    inner = item(mapping)
    parts = [str(number), subject(mapping)]
    if number == NSD:
        parts.append(crypto.fingerprint(inner.target_key))
    if number in (DTC, PDP, PHL):
        parts.append(inner.synchronizer_id)
    if number == MDS:
        parts.append(str(inner.group))
    return " ".join(parts)


def _key_text(key: Any) -> str:
    usage = ", ".join(_USAGE_NAMES.get(number, str(number)) for number in key.usage)
    return (
        f"SigningPublicKey(id = {ids.short(crypto.fingerprint(key))}, format = DER-encoded X.509 SubjectPublicKeyInfo,"
        f" keySpec = {_SPEC_NAMES.get(key.key_spec, key.key_spec)}, usage = {usage})"
    )


def _delegation_text(delegation: Any) -> str:
    allowed = restriction(delegation)
    name = allowed if isinstance(allowed, str) else ",".join(map(str, allowed))
    return (
        f"NamespaceDelegation(\n  namespace = {ids.short(delegation.namespace)},\n"
        f"  target = {_key_text(delegation.target_key)},\n  restriction = {name}\n)"
    )


def _owner_text(owner: Any) -> str:
    signing = sorted(
        ids.short(crypto.fingerprint(key)) for key in owner.public_keys if key.WhichOneof("key") == "signing_public_key"
    )
    encryption = [
        ids.short(crypto.fingerprint(key))
        for key in owner.public_keys
        if key.WhichOneof("key") == "encryption_public_key"
    ]
    return (
        f"OwnerToKeyMapping(member = {ids.short(owner.member)}, signingKeys = Seq({', '.join(signing)}),"
        f" encryptionKeys = {', '.join(encryption)})"
    )


def _party_text(mapping: Any) -> str:
    hosts = []
    for host in mapping.participants:
        onboarding = " (onboarding)" if host.HasField("onboarding") else ""
        permission = _PERMISSIONS.get(host.permission, str(host.permission))
        hosts.append(f"PAR::{ids.short(host.participant_uid)} -> {permission}{onboarding}")
    listed = hosts[0] if len(hosts) == 1 else f"Seq({', '.join(hosts)})"
    threshold = f", threshold = {mapping.threshold}" if mapping.threshold != 1 else ""
    return f"PartyToParticipant(partyId = {ids.short(mapping.party)}{threshold}, participants = {listed})"


def text(mapping: Any) -> str:
    """The mapping as Canton prints it in error texts."""
    number = code(mapping)
    inner = item(mapping)
    if number == NSD:
        return _delegation_text(inner)
    if number == OTK:
        return _owner_text(inner)
    if number == PTP:
        return _party_text(inner)
    return f"{inner.DESCRIPTOR.name}({ids.short(subject(mapping))})"
