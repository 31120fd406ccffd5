# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Readers of single sides of a participant, for info modules and reports: plain dictionaries, no payloads, no secrets."""

from __future__ import annotations

import dataclasses
import typing as t

from .contracts.tally import tally
from .copying.users import read_users
from .model.entities import ADMIN_USER, Hosting
from .model.ids import namespace_of
from .model.interface import Reader
from .topology.delegation import delegated_namespaces


def identity(participant: Reader) -> dict[str, t.Any]:
    found = participant.identity()
    keys = participant.own_keys()
    return {
        **dataclasses.asdict(found),
        "protocol_versions": list(found.protocol_versions),
        "namespace": found.namespace,
        # None: the API of Canton 2 does not report where a key is
        "kms_backed": bool(keys) and all(key.kms_key_id for key in keys) if participant.reports_kms_keys else None,
        "hosts_offline": participant.hosts_offline,
    }


def synchronizers(participant: Reader) -> list[dict[str, t.Any]]:
    return [
        {**dataclasses.asdict(item), "id": item.id, "protocol_version": participant.protocol_version(item)}
        for item in participant.synchronizers(health=True)
    ]


def keys(participant: Reader) -> list[dict[str, t.Any]]:
    names = ("fingerprint", "name", "purpose", "spec", "kms_key_id")
    return [
        {**{name: getattr(key, name) for name in names}, "usage": list(key.usage)} for key in participant.own_keys()
    ]


def delegations(participant: Reader) -> dict[str, list[dict[str, t.Any]]]:
    """Of the participant's own namespace and of those of the parties that it hosts, on every synchronizer."""
    uid = participant.identity().uid
    found = {}
    for item in participant.synchronizers():
        if item.physical_id:
            namespaces = {namespace_of(uid), *(namespace_of(each.party) for each in participant.hostings(item.id, uid))}
            found[item.alias] = [
                {
                    "namespace": each.namespace,
                    "target_key": each.target,
                    "restriction": each.restriction,
                    "root": each.is_root_certificate,
                }
                for namespace in sorted(namespaces)
                for each in participant.delegations(item.id, namespace)
            ]
    return found


def parties(participant: Reader) -> dict[str, list[dict[str, t.Any]]]:
    uid = participant.identity().uid
    return {
        item.alias: [_party(mapping, uid) for mapping in participant.hostings(item.id, uid)]
        for item in participant.synchronizers()
        if item.physical_id
    }


def _party(mapping: Hosting, uid: str) -> dict[str, t.Any]:
    host = mapping.host(uid)
    return {
        "party": mapping.party,
        "permission": host.permission if host else "",
        "threshold": mapping.threshold,
        "participants": [item.participant for item in mapping.hosts],
    }


def namespaces(participant: Reader) -> dict[str, list[str]]:
    """The namespaces whose parties this participant signs for, by the alias of the synchronizer where it does."""
    return {
        item.alias: sorted(delegated_namespaces(participant, item.id))
        for item in participant.synchronizers()
        if item.physical_id
    }


def packages(participant: Reader) -> dict[str, t.Any]:
    uid = participant.identity().uid
    vetted = {
        item.alias: len(participant.vettings(item.id, uid)) for item in participant.synchronizers() if item.physical_id
    }
    return {
        "dars": [{"main": dar.main, "name": dar.name, "version": dar.version} for dar in participant.dars()],
        "stored": len(participant.packages()),
        "vetted": vetted,
    }


def users(participant: Reader) -> list[dict[str, t.Any]]:
    found = read_users(participant, [provider.id for provider in participant.identity_providers()])
    return [
        {
            "id": user.id,
            "identity_provider": user.identity_provider,
            "primary_party": user.primary_party,
            "deactivated": user.deactivated,
            "annotations": dict(user.annotations),
            "rights": sorted(map(str, user.rights)),
        }
        for _key, user in sorted(found.items())
        if user.id != ADMIN_USER
    ]


def contracts(participant: Reader) -> dict[str, t.Any]:
    local = [item.party for item in participant.local_parties() if item.is_local]
    end = participant.ledger_end()
    found = tally(participant.active_contracts(local, end), local)
    return {"ledger_end": end, "active": found.contracts, "digest": found.digest, "synchronizers": found.synchronizers}


READERS: dict[str, t.Callable[[Reader], t.Any]] = {
    "identity": identity,
    "synchronizers": synchronizers,
    "keys": keys,
    "delegations": delegations,
    "parties": parties,
    "namespaces": namespaces,
    "packages": packages,
    "users": users,
    "contracts": contracts,
}
