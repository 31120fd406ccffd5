# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The checks before a migration in place, and the choice of how each key goes: everything that would make it fail, found before anything is changed.

All findings are described in docs/preflight.md.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ..identity.initialisation import OldIdentity, read_old
from ..model.entities import AUTHORIZED, Identity, Synchronizer
from ..model.interface import Canton3, Participant
from ..model.key_pair import ExportRefused, KeyUnknown
from ..model.keys import KmsProvider
from ..preflight.findings import IN_PLACE, Findings, MigrationRequest
from ..preflight.node import check_node
from . import keys

NO_KEY = "1220" + 64 * "0"


@dataclass(frozen=True)
class Request:
    """What the operator wants. ``flavour`` None: the best one that works. ``prefix``: what the names of the keys in the KMS begin with."""

    provider: KmsProvider
    prefix: str
    flavour: keys.Flavour | None = None
    backup_confirmed: bool = False


def begin(participant: Participant | None) -> Findings:
    """The findings of one participant, which is source and target in one. None: it does not answer, so it is not examined."""
    node = t.cast(Participant, participant)
    return Findings(node, node, MigrationRequest("", "", None, (), require_kms=True, path=None, method=IN_PLACE))


def check_participant(findings: Findings, identity: Identity, request: Request) -> Canton3 | None:
    """The node as one of Canton 3 that can go in place; None where nothing else can be read."""
    node = t.cast(Participant, findings.source).as_canton_3()
    if node is None:
        findings.error(
            "in_place_release",
            f"The participant runs Canton {identity.version or '2'}, where nobody has seen a migration in place work",
            "Migrate to a new participant by namespace delegation (method other_synchronizer).",
        )
        return None
    if not check_node(findings, node, identity):
        return None
    if not request.backup_confirmed:
        findings.error(
            "backup_not_confirmed",
            "The backup of the participant's database is not confirmed",
            "Back up its database and its configuration, then set backup_confirmed to true. It may stay set.",
        )
    return node


def choose(findings: Findings, node: Canton3, request: Request) -> keys.Choice | None:
    """How each key goes; None where the findings refuse it."""
    own = node.own_keys()
    if own and all(key.kms_key_id for key in own):
        findings.error(
            "already_in_kms",
            "All keys of the participant are in a KMS, and the journal has no migration in place of it",
            "If this migration was started before, restore its journal folder or set path to it. Otherwise nothing is left to do.",
        )
        return None
    if any(key.kms_key_id for key in own):
        findings.error(
            "keys_mixed",
            "Some keys of the participant are in a KMS and some are not, which no configuration of Canton does",
            "Read its keys (participant_info with gather: keys) and its configuration.",
        )
        return None
    old: OldIdentity | None = findings.as_finding(read_old, node)
    if old is None:
        return None
    exportable = exports_keys(node)
    flavour = request.flavour or keys.best_flavour(old, request.provider, exportable=exportable)
    _check_flavour(findings, old, flavour, request, exportable)
    return keys.choose(old, flavour, request.provider, request.prefix) if findings.can_migrate else None


def exports_keys(node: Canton3) -> bool:
    """The node's error for a key that does not exist shows whether it exports any key (docs/canton/keys.md#exporting-a-key-pair)."""
    try:
        node.export_key_pair(NO_KEY, max(node.identity().protocol_versions, default=node.common_protocol_version))
    except KeyUnknown:
        pass
    except ExportRefused:
        return False
    return True


def _check_flavour(
    findings: Findings, old: OldIdentity, flavour: keys.Flavour, request: Request, exportable: bool
) -> None:
    unfit = keys.not_importable(old, request.provider)
    if flavour == "import" and unfit:
        findings.error(
            "in_place_key_spec",
            "Canton cannot use these keys in the KMS of "
            f"{request.provider.upper()}: {', '.join(f'{key.purpose} {key.spec}' for key in unfit)}",
            "Leave flavour unset: keys that are born in the KMS replace them.",
        )
    if flavour in ("import", "bridge") and not exportable:
        findings.error(
            "in_place_not_exportable",
            f"The participant does not export keys, which flavour {flavour} needs",
            "Set canton.features.enable-preview-commands = true in its configuration and restart it, or leave flavour unset.",
        )
    if flavour == "born":
        findings.warn(
            "in_place_quiet",
            "The encryption key changes at the switch. A message that is encrypted for the new key ends the node while it still has the old keys. "
            "Nothing is lost, and the node reads it after the switch",
            "Stop the applications that send to this participant for the time of the switch. To avoid this, set "
            "canton.features.enable-preview-commands = true, so that the encryption key can be imported (flavour bridge).",
        )
    if flavour != "import":
        _check_root(findings, old)


def _check_root(findings: Findings, old: OldIdentity) -> None:
    """The delegation to the KMS's key needs a key of the namespace that may delegate (docs/canton/topology.md#who-can-delegate)."""
    node, namespace = findings.source, old.uid.rpartition("::")[2]
    own = {key.fingerprint for key in node.own_keys()}
    may_delegate = {
        item.target
        for item in node.delegations(AUTHORIZED, namespace)
        if item.is_root_certificate or item.restriction == "all"
    }
    if not own & may_delegate:
        findings.error(
            "in_place_root_elsewhere",
            f"The participant holds no key that may delegate its namespace {namespace[:12]}…",
            "Import the root key into its vault for the time of the migration, or use flavour import, which needs no delegation.",
        )


def check_connections(findings: Findings, found: t.Sequence[Synchronizer]) -> None:
    """While it serves: what the delegation and the mapping need, and what would happen at the restart."""
    if not any(item.connected for item in found):
        findings.error(
            "not_connected",
            "The participant is not connected to any synchronizer, and its new keys have to reach one",
            "Connect it (participant_synchronizer), then run again.",
        )
    unhealthy = [item.alias for item in found if item.connected and not item.healthy]
    if unhealthy:
        findings.error(
            "synchronizer_unhealthy",
            f"The participant is connected to {', '.join(unhealthy)}, but the connection is not healthy",
            "Check the node's log for this synchronizer, then run again.",
        )
    away = [item.alias for item in found if not item.connected]
    if away:
        findings.warn(
            "in_place_disconnected",
            f"The participant is not connected to {', '.join(away)}: members there learn of the new keys at the next connect",
            "Connect it first if it shall be used there. It stays disconnected otherwise.",
        )
    automatic = [item.alias for item in found if item.connected and not item.manual_connect]
    if automatic:
        findings.warn(
            "in_place_automatic_connection",
            f"The participant connects {', '.join(automatic)} by itself at its start, before the keys are registered",
            "No action: the migration sets manual_connect before the stop and restores it when the node serves from the KMS.",
        )
