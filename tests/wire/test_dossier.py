# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A dossier of a participant answers what the participant answers, to every question that it knows."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from networks import MakeNetwork, playing

from ansible_collections.ledgerops.canton.plugins.module_utils._api.endpoint import Endpoint
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.dialects.factory import open_participant
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.entities import AUTHORIZED
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.interface import Participant
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.offline import dossier
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.offline.participant import (
    OfflineParticipant,
)

EVERYTHING: dict[str, Any] = {
    "parties": [
        {"id": "Ada", "annotations": {"desk": "1"}},
        {"id": "Notary", "permission": "confirmation"},
        {"count": 3, "prefix": "client"},
    ],
    "dars": [{"name": "bonds", "version": "2.1.0", "packages": 3}],
    "contracts": [{"count": 30, "template": "Iou:Iou", "dar": "bonds", "parties": ["Ada", "Notary"], "archived": 4}],
    "users": [
        {"id": "app", "primary_party": "Ada", "act_as": ["Ada"], "annotations": {"team": "a"}},
        {"id": "ben", "read_as": ["client0"], "idp": "corp", "is_deactivated": True},
    ],
    "idps": [{"id": "corp", "issuer": "https://a.example", "jwks_url": "https://a.example/jwks", "audience": "x"}],
}


@pytest.fixture(scope="module", params=["3.5", "2.10"])
def live(request: pytest.FixtureRequest, make_network: MakeNetwork) -> Iterator[Participant]:
    """A participant with everything that there is, connected to one synchronizer and away from another."""
    connections = [{"synchronizer": "east"}, {"synchronizer": "west", "connect": False}]
    topology = {
        "synchronizers": {"east": {}, "west": {}},
        "participants": {"source": {"crypto": "kms", "connections": connections, **EVERYTHING}},
    }
    node = make_network(playing(topology, request.param)).info()["participants"]["source"]
    yield open_participant(
        Endpoint(f"127.0.0.1:{node['admin_port']}", "source participant"),
        Endpoint(f"127.0.0.1:{node['ledger_port']}", "source participant's ledger API"),
    )


def questions(live: Participant) -> dict[str, list[tuple[Any, ...]]]:
    """Every method of a recorded participant with the arguments that procedures ask it with."""
    uid = live.identity().uid
    namespace = live.identity().namespace
    known = live.synchronizers()
    stores = [item.id for item in known if item.id]
    parties = [item.party for item in live.local_parties() if item.is_local]
    dars = [dar for dar in live.dars() if not dar.builtin]
    providers = ["", *(item.id for item in live.identity_providers())]
    own = sorted({each for store in stores for each in live.hosting_stores(store)})
    nothing: list[tuple[Any, ...]] = [()]
    assert stores and len(parties) > 4 and len(dars) == 1 and len(providers) == 2
    return {
        "identity": nothing,
        "synchronizers": [(True,)],
        "protocol_version": [(item,) for item in known],
        "written_for": [(item,) for item in known],
        "hosting_store": [(store,) for store in [*stores, "unknown::1220"]],
        "hosting_stores": [(store,) for store in stores],
        "in_flight": [(store,) for store in stores],
        "pruning_schedule": nothing,
        "in_memory": nothing,
        "own_keys": nothing,
        "delegations": [(store, namespace) for store in [*stores, AUTHORIZED]],
        "signed_delegations": [
            (store, namespace, removed) for store in [*stores, AUTHORIZED] for removed in (False, True)
        ],
        "hostings": [(store, uid) for store in own],
        "decentralized_namespaces": [(store,) for store in own],
        "dars": nothing,
        "packages": nothing,
        "dar_packages": [(dar.main,) for dar in live.dars()],
        "download_dar": [(dar.main,) for dar in dars],
        "vettings": [(store, uid) for store in own],
        "identity_providers": nothing,
        "users": [(each,) for each in providers],
        "local_parties": [(each,) for each in providers],
        "knows_authentication": nothing,
        "ledger_end": nothing,
        "active_contracts": [(some, live.ledger_end()) for some in (parties, parties[:1], [uid], [])],
    }


def settled(answer: Any) -> Any:
    return list(answer) if isinstance(answer, Iterator) else answer


def test_every_answer_is_that_of_the_participant(live: Participant, tmp_path: Path) -> None:
    path = str(tmp_path / "source.dossier")
    written = dossier.write(path, live, dossier.SECTIONS, [])
    recorded = OfflineParticipant(path, live.label, live.identity().uid)
    asked = questions(live)
    methods = {name for name, value in vars(OfflineParticipant).items() if name[0] != "_" and callable(value)}
    # the first moves on, the second answers nothing, the third is refused
    assert set(asked) | {"last_time", "remember", "require_live"} == methods
    for name, calls in asked.items():
        for arguments in calls:
            expected = settled(getattr(live, name)(*arguments))
            assert settled(getattr(recorded, name)(*arguments)) == expected, (name, arguments)
    traits = {name for name, value in vars(OfflineParticipant).items() if isinstance(value, property)}
    assert len(traits) == 7
    for trait in traits:
        assert getattr(recorded, trait) == getattr(live, trait), trait
    numbers = dossier.numbers(written)
    assert numbers["contracts"] == 26
    assert dossier.summary(dossier.look(live, dossier.SECTIONS, [])) == dossier.summary(written)


def test_nothing_but_ids_of_contracts_and_public_keys(live: Participant, tmp_path: Path) -> None:
    path = tmp_path / "source.dossier"
    dossier.write(str(path), live, dossier.SECTIONS, [])
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if not name.startswith(dossier.DARS)]
        contracts = [json.loads(line) for line in archive.read(dossier.CONTRACTS).splitlines()]
        content = json.loads(archive.read(dossier.MAIN))["content"]
    assert sorted(names) == ["contracts.jsonl", "dossier.json"]
    for identifier, synchronizer, package, stakeholders, incomplete, _has_key, _reassignments in contracts:
        assert identifier.startswith("00") and len(package) == 64 and incomplete is False
        assert synchronizer.count("::") == (1 if live.major > 2 else 0)
        assert stakeholders and all(party.count("::") == 1 for party in stakeholders)
    kept = {"fingerprint", "name", "purpose", "usage", "spec", "kms_key_id", "public_key", "der", "wrapper_key_id"}
    assert content["keys"]["own"] and all(set(each) == kept for each in content["keys"]["own"])
