# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a participant holds from the start because the topology file lists it."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from sandbox.daml import contracts, dars
from sandbox.node import parties
from sandbox.node.node import Node
from sandbox.state import connections, identity_providers, ledger, party_records, synchronizers, users
from sandbox.state.ledger import Addition
from sandbox.state.package_store import StoredDar
from sandbox.wire import ids

# Microseconds between the create times of two contracts.
_CREATE_TIME_STEP = 1000


def seed(node: Node, line: Any) -> None:
    """Everything that the participant's entry of the topology file asks for, once. The node has to be connected already
    when it asks for parties or DARs. After a kill in the middle the next start does the rest. ``line`` is the module of
    that name."""
    if node.stored()["seeded"]:
        return
    entries = node.config.get("dars") or []
    line.seeding.upload(node, [dars.read_dar(_dar_bytes(entry)) for entry in entries], entries)
    specs = parties.specs(node)
    line.seeding.host(node, specs)
    with node.db.write() as db:
        for provider in node.config.get("idps") or []:
            identity_providers.insert(db, node.name, {**provider, "identity_provider_id": provider["id"]})
        for spec in specs:
            if spec.annotations:
                party_records.put(db, node.name, spec.party, spec.annotations)
        for user in node.config.get("users") or []:
            _user(db, node, user)
        groups = node.config.get("contracts") or []
        total = sum(group["count"] for group in groups)
        create_times = itertools.count(ids.now() - (total + 1) * _CREATE_TIME_STEP, _CREATE_TIME_STEP)
        for position, group in enumerate(groups):
            _contracts(db, node, line, position, group, create_times)
        node.note(seeded=1)


def _dar_bytes(entry: dict[str, Any]) -> bytes:
    if "file" in entry:
        return Path(entry["file"]).read_bytes()
    templates = entry.get("templates", ["Iou:Iou"])
    return dars.make_dar(entry["name"], entry["version"], entry.get("packages", 1), templates, entry.get("salt", ""))


def _user(db: sqlite3.Connection, node: Node, user: dict[str, Any]) -> None:
    primary = user.get("primary_party", "")
    columns = {
        "id": user["id"],
        "primary_party": parties.party_id(node, primary) if primary else "",
        "is_deactivated": user.get("is_deactivated", False),
        "identity_provider_id": user.get("idp", ""),
        "annotations": user.get("annotations", {}),
    }
    users.insert(db, node.name, columns)
    rights = [("can_act_as", parties.party_id(node, party)) for party in user.get("act_as", [])]
    rights += [("can_read_as", parties.party_id(node, party)) for party in user.get("read_as", [])]
    rights += [(kind, "") for kind in user.get("rights", [])]
    users.add_rights(db, node.name, user["id"], rights)


def _contracts(
    db: sqlite3.Connection, node: Node, line: Any, position: int, group: dict[str, Any], create_times: Iterator[int]
) -> None:
    archived: list[bytes] = []

    def noted() -> Iterator[Addition]:
        for number, addition in enumerate(_additions(db, node, line, position, group, create_times)):
            if number < group.get("archived", 0):
                archived.append(addition.contract.contract_id)
            yield addition

    ledger.add(db, node.name, noted())
    if archived:
        ledger.end(db, node.name, archived, "archived")


def _additions(
    db: sqlite3.Connection, node: Node, line: Any, position: int, group: dict[str, Any], create_times: Iterator[int]
) -> Iterator[Addition]:
    main = main_package(db, node, line, group.get("dar"))
    synchronizer = _synchronizer(db, node, group.get("synchronizer"))
    for number, created_at in zip(range(group["count"]), create_times, strict=False):
        signatories, observers = _stakeholders(node, group, number)
        contract = contracts.make_contract(
            f"{node.uid}/{position}/{number}".encode(),
            package_id=main.main,
            package_name=main.name,
            template=group.get("template", "Iou:Iou"),
            signatories=signatories,
            observers=observers,
            created_at=created_at,
            number=number + 1,
            argument_bytes=group.get("bytes", 0),
        )
        yield Addition(line.seeding.contract(node, contract), synchronizer, main.main)


def _stakeholders(node: Node, group: dict[str, Any], number: int) -> tuple[list[str], list[str]]:
    """Those given, or one signatory and one observer in turn over the given parties."""
    if "signatories" in group:
        signatories = [parties.party_id(node, party) for party in group["signatories"]]
        return signatories, [parties.party_id(node, party) for party in group.get("observers", [])]
    names = group["parties"]
    signatory, observer = names[number % len(names)], names[(number + 1) % len(names)]
    observers = [] if observer == signatory else [parties.party_id(node, observer)]
    return [parties.party_id(node, signatory)], observers


def main_package(db: sqlite3.Connection, node: Node, line: Any, name: str | None) -> StoredDar:
    """The DAR of this name; without a name the first that is no system DAR."""
    for dar in line.seeding.dars(db, node):
        if dar.name == name or (name is None and dar.name not in dars.SYSTEM_DARS):
            return cast(StoredDar, dar)
    raise ValueError(f"{node.name}: contracts need the DAR {name}, which is not in its list of DARs")


def _synchronizer(db: sqlite3.Connection, node: Node, name: str | None) -> str:
    """The logical id of the synchronizer of this name; without a name the first that the node registered."""
    psids = synchronizers.psids_of(db, name) if name is not None else connections.known(db, node.name)
    if not psids:
        raise ValueError(f"{node.name}: no synchronizer for its contracts")
    return ids.logical(psids[0])
