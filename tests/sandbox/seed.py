# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a participant holds from the start because the topology file lists it."""

from __future__ import annotations

import itertools
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sandbox import contracts, dars, ids, package_store, seed_parties, vetting
from sandbox.contracts import Addition
from sandbox.node import Node
from sandbox.services import idp, parties, users
from sandbox.v0 import dar_store, seeding, serializable

_WAIT_SECONDS = 30.0
# Microseconds between the create times of two contracts.
_CREATE_TIME_STEP = 1000


def seed(node: Node) -> None:
    """Everything that the participant's entry of the topology file asks for, once. The node has to be connected already
    when it asks for parties or DARs. After a kill in the middle the next start does the rest."""
    with node.db.read() as db:
        row = db.execute("SELECT seeded FROM participants WHERE name = ?", (node.name,)).fetchone()
    if row["seeded"]:
        return
    _dars(node)
    specs = seed_parties.specs(node)
    hosting = seeding if node.release.dialect == "v0" else seed_parties
    hosting.host(node, specs)
    with node.db.write() as db:
        for provider in node.config.get("idps") or []:
            idp.insert(db, node.name, {**provider, "identity_provider_id": provider["id"]})
        for spec in specs:
            if spec.annotations:
                parties.put_record(db, node.name, spec.party, spec.annotations)
        for user in node.config.get("users") or []:
            _user(db, node, user)
        groups = node.config.get("contracts") or []
        total = sum(group["count"] for group in groups)
        create_times = itertools.count(ids.now() - (total + 1) * _CREATE_TIME_STEP, _CREATE_TIME_STEP)
        for position, group in enumerate(groups):
            _contracts(db, node, position, group, create_times)
        db.execute("UPDATE participants SET seeded = 1 WHERE name = ?", (node.name,))


def _dars(node: Node) -> None:
    wanted = [dars.read_dar(_dar_bytes(entry)) for entry in node.config.get("dars") or []]
    if node.release.dialect == "v0":
        seeding.upload(node, wanted, node.config["dars"])
        return
    with node.db.write() as db:
        for dar, entry in zip(wanted, node.config.get("dars") or [], strict=True):
            package_store.add_dar(db, node.name, dar, entry.get("description", dar.main.name), ids.now())
    packages = [package.package_id for dar in wanted for package in dar.packages]
    for psid in node.connected().values():
        _wait_for_system_vetting(node, psid)
        vetting.vet(node, psid, packages, wait=True)


def _dar_bytes(entry: dict[str, Any]) -> bytes:
    if "file" in entry:
        return Path(entry["file"]).read_bytes()
    templates = entry.get("templates", ["Iou:Iou"])
    return dars.make_dar(entry["name"], entry["version"], entry.get("packages", 1), templates, entry.get("salt", ""))


def _wait_for_system_vetting(node: Node, psid: str) -> None:
    deadline = time.monotonic() + _WAIT_SECONDS
    while vetting.current(node, psid, effective=True).mapping is None:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{node.name} did not vet its system packages on {psid}")
        time.sleep(0.02)


def _user(db: sqlite3.Connection, node: Node, user: dict[str, Any]) -> None:
    primary = user.get("primary_party", "")
    columns = {
        "id": user["id"],
        "primary_party": seed_parties.party_id(node, primary) if primary else "",
        "is_deactivated": user.get("is_deactivated", False),
        "identity_provider_id": user.get("idp", ""),
        "annotations": user.get("annotations", {}),
    }
    users.insert(db, node.name, columns)
    rights = [("can_act_as", seed_parties.party_id(node, party)) for party in user.get("act_as", [])]
    rights += [("can_read_as", seed_parties.party_id(node, party)) for party in user.get("read_as", [])]
    rights += [(kind, "") for kind in user.get("rights", [])]
    users.add_rights(db, node.name, user["id"], rights)


def _contracts(
    db: sqlite3.Connection, node: Node, position: int, group: dict[str, Any], create_times: Iterator[int]
) -> None:
    archived: list[bytes] = []

    def noted() -> Iterator[Addition]:
        for number, addition in enumerate(_additions(db, node, position, group, create_times)):
            if number < group.get("archived", 0):
                archived.append(addition.contract.contract_id)
            yield addition

    contracts.add(db, node.name, noted())
    if archived:
        contracts.end(db, node.name, archived, "archived")


def _additions(
    db: sqlite3.Connection, node: Node, position: int, group: dict[str, Any], create_times: Iterator[int]
) -> Iterator[Addition]:
    main = main_package(db, node, group.get("dar"))
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
        if node.release.dialect == "v0":
            contract = serializable.from_canton_3(node.messages, contract)
        yield Addition(contract, synchronizer, main.main)


def _stakeholders(node: Node, group: dict[str, Any], number: int) -> tuple[list[str], list[str]]:
    """Those given, or one signatory and one observer in turn over the given parties."""
    if "signatories" in group:
        signatories = [seed_parties.party_id(node, party) for party in group["signatories"]]
        return signatories, [seed_parties.party_id(node, party) for party in group.get("observers", [])]
    names = group["parties"]
    signatory, observer = names[number % len(names)], names[(number + 1) % len(names)]
    observers = [] if observer == signatory else [seed_parties.party_id(node, observer)]
    return [seed_parties.party_id(node, signatory)], observers


def main_package(db: sqlite3.Connection, node: Node, name: str | None) -> package_store.StoredDar:
    """The DAR of this name; without a name the first that is no system DAR."""
    there = seeding.dars(db, node) if node.release.dialect == "v0" else package_store.dars(db, node.name)
    for dar in there:
        if dar.name == name or (name is None and dar.name not in (dars.PING_DAR, dar_store.SYSTEM_DAR)):
            return dar
    raise ValueError(f"{node.name}: contracts need the DAR {name}, which is not in its list of DARs")


def _synchronizer(db: sqlite3.Connection, node: Node, name: str | None) -> str:
    """The logical id of the synchronizer of this name; without a name the first that the node registered."""
    if name is not None:
        row = db.execute("SELECT psid FROM synchronizers WHERE name = ?", (name,)).fetchone()
    else:
        row = db.execute(
            "SELECT psid FROM connections WHERE node = ? AND psid <> '' ORDER BY position LIMIT 1", (node.name,)
        ).fetchone()
    if row is None:
        raise ValueError(f"{node.name}: no synchronizer for its contracts")
    return ids.logical(row["psid"])
