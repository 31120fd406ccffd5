# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""participant_dossier, and what the modules between two participants do with its file."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from unit.plugins.fakes import new_participant
from unit.plugins.modules.support import SOURCE, TARGET, Participants
from unit.plugins.samples import ALICE, BOB, CAROL, OLD, OLD_NAMESPACE, OLD_SYNC, PACKAGE, hosting, synchronizer

from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.entities import LocalParty, User
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.offline.participant import (
    OfflineParticipant,
)
from ansible_collections.ledgerops.canton.plugins.modules import (
    participant_acs_transfer,
    participant_dossier,
    participant_migration_info,
    participant_package,
    participant_party,
    participant_user,
)

PAIR: dict[str, Any] = {"source_synchronizer": "oldsync", "target_synchronizer": "newsync"}


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "old.dossier")


def write(participants: Participants, path: str, check: bool = False, **options: Any) -> dict[str, Any]:
    return participants.run(participant_dossier, check, endpoint=SOURCE, path=path, **options)


def test_check_write_and_write_again(participants: Participants, path: str) -> None:
    participants.source.people = [User("app")]
    predicted = write(participants, path, check=True)
    assert not Path(path).exists()
    done = write(participants, path)
    again = write(participants, path)
    assert (predicted["changed"], done["changed"], again["changed"]) == (True, True, False)
    assert predicted["diff"] == done["diff"] and again["diff"]["before"] == again["diff"]["after"]
    assert (done["uid"], done["namespace"], done["ledger_end"], done["connected"]) == (OLD, OLD_NAMESPACE, 10, [])
    assert done["numbers"] == {"parties": 3, "dars": 1, "users": 1, "contracts": 4}
    assert again["read_at"] > done["read_at"]  # a new reading, although nothing else is new
    assert participants.source.changes == []

    participants.source.hosted[OLD_SYNC].append(hosting(f"Dora::{OLD_NAMESPACE}", OLD))
    after = write(participants, path)
    changed = [name for name, value in after["diff"]["after"].items() if after["diff"]["before"][name] != value]
    assert after["changed"] and changed == ["topology"]


def test_a_path_of_another_participant_is_not_overwritten(participants: Participants, path: str) -> None:
    write(participants, path)
    before = Path(path).read_bytes()
    for check in (True, False):
        values = participants.run(participant_dossier, check, endpoint=TARGET, path=path)
        assert values["failed"] and values["error_id"] == "dossier_of_another"
    assert Path(path).read_bytes() == before


def test_a_damaged_one_is_written_anew(participants: Participants, path: str) -> None:
    Path(path).write_text("something else")
    assert write(participants, path)["changed"]
    assert not write(participants, path)["changed"]


def test_the_folder_has_to_exist(participants: Participants, tmp_path: Path) -> None:
    values = write(participants, str(tmp_path / "nowhere" / "old.dossier"))
    assert values["failed"] and values["error_id"] == "file_enoent" and "Create the folder first" in values["hint"]


def test_the_modules_of_two_participants_take_it_as_source(participants: Participants, path: str) -> None:
    """What they do by the dossier is what they do by the source itself, and the source is never asked."""
    participants.source.people = [User("app", ALICE)]
    write(participants, path)

    def empty() -> Any:
        return new_participant(
            known=[synchronizer("newsync")],
            hosted={},
            vetted={},
            dar_contents={},
            parties=[LocalParty(item, True) for item in (ALICE, BOB, CAROL)],
        )

    def run_all(source: dict[str, Any]) -> list[Any]:
        participants.target = empty()
        results = []
        for module, options in (
            (participant_package, PAIR),
            (participant_party, PAIR),
            (participant_user, {}),
            (participant_migration_info, {**PAIR, "require_kms": True}),
        ):
            values = participants.run(module, source=source, target={"endpoint": TARGET}, **options)
            assert not values.get("failed"), values
            results.append({name: value for name, value in values.items() if name != "invocation"})
        return [*results, participants.target.changes]

    by_endpoint = run_all({"endpoint": SOURCE})
    participants.source = None  # type: ignore[assignment]
    by_dossier = run_all({"dossier": path, "dossier_uid": OLD})
    assert json.dumps(by_dossier, sort_keys=True) == json.dumps(by_endpoint, sort_keys=True)
    assert ("upload", PACKAGE) in by_dossier[-1]


@pytest.mark.parametrize(("module", "options"), [(participant_package, PAIR), (participant_user, {})])
def test_a_dossier_of_the_target_is_compared_with_and_never_changed(
    participants: Participants, tmp_path: Path, module: Any, options: dict[str, Any]
) -> None:
    participants.source.people = [User("app")]
    participants.target = new_participant(known=[synchronizer("newsync")], vetted={}, dar_contents={})
    dossier = str(tmp_path / "new.dossier")
    participants.run(participant_dossier, endpoint=TARGET, path=dossier)
    ends: dict[str, Any] = {"source": {"endpoint": SOURCE}, "target": {"dossier": dossier}}
    assert participants.run(module, check=True, **ends, **options)["changed"]
    done = participants.run(module, **ends, **options)
    assert done["failed"] and done["error_id"] == "dossier_is_read_only"


def test_export_by_the_dossier_of_the_target_and_import_without_the_source(
    participants: Participants, tmp_path: Path
) -> None:
    dossier, base = str(tmp_path / "new.dossier"), str(tmp_path / "node1")
    participants.run(participant_dossier, endpoint=TARGET, path=dossier, gather=["keys", "topology"])
    target, participants.target = participants.target, None  # type: ignore[assignment]
    options: dict[str, Any] = {"state": "exported", "path": base, "parties": [ALICE, BOB], **PAIR}
    values = participants.run(
        participant_acs_transfer, source={"endpoint": SOURCE}, target={"dossier": dossier}, **options
    )
    assert values["contracts"] == 3 and values["changed"]
    participants.source, participants.target = None, target  # type: ignore[assignment]
    options = {"state": "imported", "path": base, "target_synchronizer": "newsync"}
    refused = participants.run(participant_acs_transfer, target={"dossier": dossier}, **options)
    assert refused["failed"] and refused["error_id"] == "dossier_is_read_only"
    values = participants.run(participant_acs_transfer, target={"endpoint": TARGET}, **options)
    assert values["changed"] and len(participants.target.contracts) == 3


@pytest.mark.parametrize("state", ["exported", "transferred"])
def test_no_export_from_a_dossier(participants: Participants, path: str, tmp_path: Path, state: str) -> None:
    write(participants, path)
    values = participants.run(
        participant_acs_transfer,
        state=state,
        source={"dossier": path},
        target={"endpoint": TARGET},
        path=str(tmp_path / "node1"),
        parties=[ALICE],
        **PAIR,
    )
    assert values["failed"] and values["error_id"] == "dossier_is_read_only"
    assert [item.name for item in tmp_path.iterdir()] == ["old.dossier"]


def test_an_import_is_taken_back_by_a_dossier_of_the_source_and_nothing_else_is_purged_by_one(
    participants: Participants, path: str, tmp_path: Path
) -> None:
    base = str(tmp_path / "node1")
    moved: dict[str, Any] = {"parties": [ALICE, BOB], **PAIR}
    participants.between(participant_acs_transfer, state="exported", path=base, **moved)
    ends: dict[str, Any] = {"source": {"dossier": path}, "target": {"endpoint": TARGET}}
    participants.run(
        participant_acs_transfer, state="imported", path=base, target=ends["target"], target_synchronizer="newsync"
    )
    write(participants, path)
    refused = participants.run(participant_acs_transfer, state="purged", **ends, **moved)
    assert refused["failed"] and refused["error_id"] == "dossier_is_read_only"
    assert len(participants.target.contracts) == 3
    values = participants.run(
        participant_acs_transfer, state="purged", path=base, **ends, target_synchronizer="newsync"
    )
    assert (values["contracts"], values["missing_on_source"]) == (3, [])
    assert participants.target.contracts == []


def test_the_clock_of_a_synchronizer_is_compared_with_the_one_that_read_it(
    participants: Participants, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    participants.source.known = [synchronizer("oldsync")]
    participants.source.clock = time.time() + 90
    write(participants, path)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 500)
    seen = OfflineParticipant(path, "source participant").last_time(OLD_SYNC)
    assert seen is not None and 585 < seen - now < 591
