# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The modules between two participants, each as check, run and run again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from unit.plugins.fakes import new_participant
from unit.plugins.module_utils._participant.replication.one_synchronizer import Setting
from unit.plugins.modules.support import SOURCE, TARGET, Participants
from unit.plugins.samples import (
    ALICE,
    BOB,
    CAROL,
    NEW_NAMESPACE,
    NEW_SYNC,
    OLD,
    OLD_NAMESPACE,
    OLD_SYNC,
    PACKAGE,
    contract,
    hosting,
    synchronizer,
)

from ansible_collections.ledgerops.canton.plugins.module_utils._files import only_one
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.entities import (
    AUTHORIZED,
    Delegation,
    Right,
    User,
)
from ansible_collections.ledgerops.canton.plugins.modules import (
    migration_copy,
    participant_acs_transfer,
    participant_migration_info,
    participant_namespace_delegation,
    participant_package,
    participant_party,
    participant_party_replication,
    participant_user,
)

BOTH: dict[str, Any] = {"source_synchronizer": "oldsync", "target_synchronizer": "newsync"}


@pytest.fixture
def connected(participants: Participants) -> Participants:
    """The target has nothing yet and is connected."""
    participants.target = new_participant(known=[synchronizer("newsync")], hosted={}, dar_contents={}, vetted={})
    return participants


def test_delegation(connected: Participants) -> None:
    values = connected.thrice(participant_namespace_delegation, synchronizer="newsync")
    assert (values["namespace"], values["target_key"]) == (OLD_NAMESPACE, NEW_NAMESPACE)
    assert values["delegation"] == {"source": True, "target": True, "synchronizer": True}
    assert connected.source.changes == [("authorize", NEW_NAMESPACE)]


@pytest.mark.parametrize("check", [True, False])
def test_delegation_that_was_removed(connected: Participants, check: bool) -> None:
    connected.source.removed = {AUTHORIZED: [Delegation(OLD_NAMESPACE, NEW_NAMESPACE, "all", 2)]}
    values = connected.between(participant_namespace_delegation, check, synchronizer="newsync")
    assert values["failed"] and values["error_id"] == "delegation_was_removed"
    assert connected.source.changes == connected.target.changes == []


def test_parties(connected: Participants) -> None:
    values = connected.thrice(participant_party, **BOTH, exclude=[BOB])
    assert values["parties"] == values["hosted"] == [ALICE, CAROL] and values["sent_again"] == []
    assert connected.target.changes == [("host", [ALICE, CAROL])]


def test_parties_that_cannot_be_moved(connected: Participants) -> None:
    connected.source.hosted[OLD_SYNC].append(hosting("Eve::1220", OLD))
    values = connected.between(participant_party, **BOTH)
    assert values["error_id"] == "parties_not_movable" and set(values["refused"]) == {"Eve::1220"}
    assert connected.target.changes == []


def test_parties_of_a_namespace_that_is_delegated_or_going_to_be(connected: Participants) -> None:
    eve, further = "Eve::1220ee", Delegation("1220ee", NEW_NAMESPACE, "all_but_namespace_delegations", 1)
    connected.source.hosted[OLD_SYNC].append(hosting(eve, OLD))
    assert connected.between(participant_party, **BOTH)["error_id"] == "parties_not_movable"
    predicted = connected.between(participant_party, check=True, **BOTH, namespaces=["1220ee"])
    assert eve in predicted["hosted"] and predicted["namespaces"] == {OLD_NAMESPACE: 3, "1220ee": 1}
    early = connected.between(participant_party, **BOTH, namespaces=["1220ee"])
    assert early["error_id"] == "namespace_not_delegated" and connected.target.changes == []
    connected.target.delegated = {AUTHORIZED: [further], NEW_SYNC: [further]}
    assert eve in connected.thrice(participant_party, **BOTH)["hosted"]


def test_parties_whose_host_was_given_up(connected: Participants) -> None:
    connected.target.hosted[NEW_SYNC] = [hosting(ALICE, "gone::1220"), hosting(BOB, "gone::1220")]
    refused = connected.between(participant_party, **BOTH)
    assert refused["error_id"] == "hosted_elsewhere" and "gone::1220" in refused["hint"]
    values = connected.thrice(participant_party, **BOTH, replace_hosts=["gone::1220"])
    assert values["hosted"] == [ALICE, BOB, CAROL]


def test_parties_that_stay_on_their_synchronizer(participants: Participants, tmp_path: Path) -> None:
    setting = Setting(tmp_path)
    participants.source, participants.target = setting.source, setting.target
    both: dict[str, Any] = dict.fromkeys(BOTH, "shared")
    wanted: dict[str, Any] = {"path": str(tmp_path / "node1"), "exclude": [CAROL], "wait_timeout": 5.0}
    for state in ("proposed", "activated", "exported", "imported", "onboarded", "moved"):
        values = participants.thrice(participant_party_replication, **both, **wanted, state=state)
        assert values["parties"] == [ALICE, BOB]
    assert participants.between(participant_party_replication, **both, **wanted, state="verified")["contracts"] == 5
    assert participants.thrice(participant_party_replication, **both, **wanted, state="purged")["purged"] == 4
    refused = participants.between(participant_party_replication, **both, **wanted, state="withdrawn")
    assert refused["error_id"] == "point_of_no_return"


def test_packages(connected: Participants, tmp_path: Path) -> None:
    (tmp_path / "extra.dar").write_bytes(b"pkg-extra")
    values = connected.thrice(participant_package, **BOTH, files=[str(tmp_path / "extra.dar")])
    assert values["uploaded"] == values["vetted"] == [PACKAGE, "pkg-extra"]
    assert values["diff"]["before"] == {"missing": ["app 1.0.0", "extra.dar"], "unvetted": ["app 1.0.0", "extra.dar"]}


def test_copies_of_a_migration_in_their_order(connected: Participants) -> None:
    connected.source.people = [User("app", rights=frozenset({Right("can_act_as", ALICE)}))]
    values = connected.thrice(
        migration_copy, **BOTH, exclude=[BOB], steps=["users", "parties", "delegation", "packages"]
    )
    assert [change[0] for change in connected.target.changes] == ["upload", "vet", "load", "host"]
    assert [user.id for user in connected.target.people] == ["app"]
    assert values["packages"]["uploaded"] == [PACKAGE] and values["users"]["created"] == ["app"]
    assert values["delegation"]["delegation"]["synchronizer"] and values["parties"]["hosted"] == [ALICE, CAROL]


def test_packages_that_nothing_brings(connected: Participants) -> None:
    connected.source.vetted = {OLD_SYNC: {PACKAGE, "lost"}}
    values = connected.between(participant_package, **BOTH)
    assert values["unreachable_packages"] == ["lost"] and "lost" in str(values["warnings"])


@pytest.mark.parametrize(
    ("module", "options"),
    [
        (participant_namespace_delegation, {"synchronizer": "newsync"}),
        (participant_party, BOTH),
        (participant_package, BOTH),
    ],
)
def test_topology_needs_a_connection(participants: Participants, module: Any, options: dict[str, Any]) -> None:
    participants.target = new_participant(hosted={}, dar_contents={}, vetted={})
    values = participants.between(module, **options)
    assert values["failed"] and values["error_id"] == "not_connected"
    assert participants.target.changes == participants.source.changes == []


def test_users(participants: Participants) -> None:
    rights = frozenset({Right("can_act_as", ALICE), Right("participant_admin")})
    participants.source.people = [
        User("app", ALICE, rights=rights),
        User("other"),
        User("skipped", rights=frozenset({Right("can_act_as", BOB)})),
    ]
    participants.target.people = [User("other", deactivated=True)]
    values = participants.thrice(participant_user, skip_users=["skipped"])
    assert (values["created"], values["updated"], values["left_out"]) == (
        ["app"],
        ["other"],
        {"app": ["participant_admin"], "skipped": [f"can_act_as({BOB})"]},
    )
    warning = f"Rights of 2 users are not copied: app (participant_admin); skipped (can_act_as({BOB}))"
    assert warning in str(values["warnings"])
    assert [user.id for user in participants.target.people] == ["other", "app"]


def test_migration_info(participants: Participants, tmp_path: Path) -> None:
    both = {**BOTH, "backup_confirmed": True}
    values = participants.between(participant_migration_info, **both, path=str(tmp_path))
    assert values["can_migrate"] is True and values["findings"] == [] and values["plan"]["parties"] == 3
    warned = participants.between(participant_migration_info, **both, exclude=[CAROL])
    assert warned["can_migrate"] is True and [item["id"] for item in warned["findings"]] == ["contracts_left_behind"]
    refused = participants.between(participant_migration_info, **BOTH, method="same_synchronizer")
    assert refused["can_migrate"] is False and refused["changed"] is False
    errors = ["backup_not_confirmed", "unsupported_by_vendor", "different_synchronizers"]
    assert [item["id"] for item in refused["findings"]] == errors
    participants.source.schedule = "0 0 * * *"
    refused = participants.between(participant_migration_info, **both)
    assert set(refused["findings"][0]) == {"id", "severity", "message", "remedy"}


def transfer(participants: Participants, state: str, path: Path | None, **options: Any) -> dict[str, Any]:
    files = {} if path is None else {"path": str(path / "node1")}
    values = {"target": {"endpoint": TARGET}, "target_synchronizer": "newsync", **files, **options}
    return participants.run(participant_acs_transfer, state=state, **values)


def test_transfer(participants: Participants, tmp_path: Path) -> None:
    source = {"source": {"endpoint": SOURCE}, "source_synchronizer": "oldsync", "parties": [ALICE]}
    exported = transfer(participants, "exported", tmp_path, **source)
    imported = transfer(participants, "imported", tmp_path)
    verified = transfer(participants, "verified", tmp_path)
    assert (exported["changed"], imported["changed"], verified["changed"]) == (True, True, False)
    assert [values["contracts"] for values in (exported, imported, verified)] == [2, 2, 2]
    assert imported["sha256"] == exported["sha256"] and verified["target_offset"] == imported["target_offset"] == 11
    assert not transfer(participants, "transferred", tmp_path, **source)["changed"]
    assert participants.target.changes == [("import", NEW_SYNC)]


def test_one_transfer_at_a_time(participants: Participants, tmp_path: Path) -> None:
    source = {"source": {"endpoint": SOURCE}, "source_synchronizer": "oldsync", "parties": [ALICE]}
    transfer(participants, "transferred", tmp_path, **source)
    with only_one(str(tmp_path / "node1.lock"), "imported"):
        for state in ("exported", "imported", "transferred"):
            refused = transfer(participants, state, tmp_path, **source)
            assert refused["error_id"] == "transfer_running" and refused["running"]["state"] == "imported"
            assert not transfer(participants, state, tmp_path, check=True, **source)["changed"]
        assert not transfer(participants, "verified", tmp_path)["changed"]
    piped = str(tmp_path / "pipe.progress.json")
    with only_one(f"{piped}.lock", "transferred"):
        refused = transfer(participants, "transferred", None, progress_file=piped, **source)
        assert refused["error_id"] == "transfer_running"
    assert not [path.name for path in tmp_path.iterdir() if path.suffix == ".lock" or "progress" in path.name]


@pytest.mark.parametrize(
    ("state", "options", "missing"),
    [
        ("exported", {"source": {"endpoint": SOURCE}, "parties": [ALICE]}, "source_synchronizer"),
        ("exported", {"source_synchronizer": "oldsync", "parties": [ALICE]}, "source"),
        ("transferred", {"source": {"endpoint": SOURCE}, "source_synchronizer": "oldsync"}, "parties"),
        ("imported", {}, "path"),
        ("verified", {}, "path"),
    ],
)
def test_transfer_without_what_it_needs(
    participants: Participants, state: str, options: dict[str, Any], missing: str
) -> None:
    values = transfer(participants, state, None, **options)
    assert values["failed"] and "missing" in values["msg"] and missing in values["msg"]


def test_hosting_is_taken_back(participants: Participants) -> None:
    participants.target = new_participant(known=[synchronizer("newsync")])
    done = participants.thrice(participant_party, state="absent", **BOTH)
    assert done["unhosted"] == sorted([ALICE, BOB, CAROL])
    assert done["diff"] == {"before": {"hosted": done["unhosted"]}, "after": {"hosted": []}}


def test_contracts_that_the_source_no_longer_has(participants: Participants) -> None:
    participants.target.contracts = [contract("00a1", ALICE, on=NEW_SYNC), contract("00e1", ALICE, on=NEW_SYNC)]
    done = participants.thrice(participant_acs_transfer, state="purged", parties=[ALICE], **BOTH)
    assert (done["contracts"], done["left"]) == (1, 1)


def test_purge_of_nothing_in_particular_is_refused(participants: Participants) -> None:
    refused = participants.between(participant_acs_transfer, state="purged", **BOTH)
    assert refused["failed"]
    assert "path, contract_ids, parties" in refused["msg"]


def test_delegation_is_given_up(connected: Participants) -> None:
    connected.between(participant_namespace_delegation, synchronizer="newsync")
    values = connected.thrice(
        participant_namespace_delegation, state="absent", synchronizer="newsync", give_up_key=True
    )
    assert values["delegation"] == {"source": False, "target": False, "synchronizer": False}


def test_ends_that_a_state_of_a_delegation_needs(participants: Participants) -> None:
    target_end: dict[str, Any] = {"target": {"endpoint": TARGET}, "synchronizer": "newsync"}
    source_end: dict[str, Any] = {"source": {"endpoint": SOURCE}}

    def run(**options: Any) -> dict[str, Any]:
        return participants.run(participant_namespace_delegation, **options)

    assert "signed_file" in run(**target_end)["msg"]
    assert "target_key_file" in run(state="signed", signed_file="x", **source_end)["msg"]
    assert run(signed_file="x", **source_end, **target_end)["error_id"] == "source_or_file"
