# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A migration of a source that vets some packages only for a time, and others not at all: the target vets as it does. And
what else is left out is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from playbook.conftest import StartNetwork
from playbook.harness import Ansible
from playbook.migration import Migration, assert_migrated, both, topology
from playbook.observe import Node
from playbook.releases import DIALECTS, LINES, Pair

from sandbox.daml import dars
from sandbox.v30.requests import READ, WRITE, change, on, query

BOUNDS = {"valid_from_inclusive": "2024-02-29T12:00:00.000001Z", "valid_until_exclusive": "2099-12-31T23:59:59.900Z"}


def begin(pair: Pair, network: StartNetwork, ansible: Ansible, folder: Path) -> Migration:
    return Migration(pair, network(topology(pair, contracts=20, clients=1)), ansible, folder)


def vettings(node: Node, synchronizer: str) -> dict[str, Any]:
    (row,) = node.admin(f"{READ}/ListVettedPackages", query(on(synchronizer), filter_participant=node.uid))["results"]
    return {package["package_id"]: package for package in row["item"]["packages"]}


def vet(node: Node, synchronizer: str, packages: dict[str, Any]) -> None:
    mapping = {"vetted_packages": {"participant_uid": node.uid, "packages": list(packages.values())}}
    node.admin(f"{WRITE}/Authorize", change(mapping, on(synchronizer), wait_to_become_effective="10s"))


@pytest.mark.pairs(tuple(pair for pair in LINES if not pair.canton_2))
@pytest.mark.capability("Copy packages and vetting")
def test_bounds_and_unvetted_dependencies(pair: Pair, network: StartNetwork, ansible: Ansible, tmp_path: Path) -> None:
    migration = begin(pair, network, ansible, tmp_path)
    east, west = (migration.net.synchronizer(name) for name in ("east", "west"))
    unvetted, bounded = (item.package_id for item in dars.read_dar(dars.make_dar("bonds", "2.1.0", 3)).packages[1:])
    with both(migration) as (source, target):
        mapping = vettings(source, east)
        del mapping[unvetted]
        mapping[bounded].update(BOUNDS)
        vet(source, east, mapping)
        migration.run()
        assert vettings(target, west) == vettings(source, east) == mapping
        assert mapping[bounded]["valid_until_exclusive"] == BOUNDS["valid_until_exclusive"]
        assert_migrated(migration)
        migration.run_again_changes_nothing()

        # verify compares the bounds
        found = vettings(target, west)
        del found[bounded]["valid_until_exclusive"]
        vet(target, west, found)
    run = migration.run("--tags", "verify", succeeds=False)
    assert "DARs not stored or vetted" in run.output


@pytest.mark.pairs(DIALECTS)
@pytest.mark.capability("Copy packages and vetting")
@pytest.mark.capability("Copy users, rights and identity providers")
def test_what_is_not_copied(pair: Pair, network: StartNetwork, ansible: Ansible, tmp_path: Path) -> None:
    """The vetting of a DAR that the source only stores, and administrative rights; what is left out of the rights is named."""
    migration = begin(pair, network, ansible, tmp_path)
    payload = dars.make_dar("shelf", "1.0.0", 2)
    reports = tmp_path / "reports"
    migration.variables["kms_migration_report"] = str(reports)
    with both(migration) as (source, target):
        source.upload_dar(payload, "shelf", vet=False)
        rights: list[dict[str, Any]] = [{"participant_admin": {}}]
        source.ledger(
            f"{source.LEDGER}.admin.UserManagementService/CreateUser", {"user": {"id": "ops"}, "rights": rights}
        )
        run = migration.run()
        assert set(source.dars()) <= set(target.dars())
        stored = {item.package_id for item in dars.read_dar(payload).packages}
        assert stored.isdisjoint(target.vetted(migration.net.synchronizer("west")))
        assert target.users().keys() == source.users().keys() and target.users()["ops"] != source.users()["ops"]
    facts = next(
        each["result"]["ansible_facts"] for each in run.entries if each["task"].endswith("Verify | Set result facts")
    )
    assert facts["kms_migration_result"]["rights_left_out"] == {"ops": ["participant_admin"]}
    assert "4 with their rights, left out: ops (participant_admin)" in run.output
    assert "Rights of 1 users are not copied: ops (participant_admin)" in run.output
    report = json.loads((reports / f"{migration.name}.json").read_text())
    assert report["rights_left_out"] == {"ops": ["participant_admin"]}
