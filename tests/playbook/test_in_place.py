# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A participant goes onto a KMS in place and back: every flavour, killed at every task, and with everything that can go wrong at the restart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playbook.conftest import StartNetwork
from playbook.harness import Ansible, Run, task
from playbook.in_place import BANK, NEIGHBOUR, RETIRE, ROLLBACK, InPlace, journal, topology
from playbook.releases import MATRIX, Pair

from sandbox.kms.gcp.server import served

CANTON_3 = tuple(pair for pair in MATRIX if pair.within and not pair.canton_2)
PAIR_35 = CANTON_3[:1]


@pytest.fixture
def start(network: StartNetwork, ansible: Ansible, pair: Pair, tmp_path: Path) -> Any:
    def begin(options: dict[str, Any] | None = None, **bank: Any) -> InPlace:
        return InPlace(network(topology(pair, **bank)), ansible, tmp_path, options or {})

    return begin


def preflight_of(run: Run) -> dict[str, Any]:
    (found,) = [
        entry["result"]
        for entry in run.entries
        if entry["task"].endswith("Preflight | Read participant, KMS and journal")
    ]
    return dict(found)


def assert_unchanged(place: InPlace) -> None:
    """A second run changes nothing anywhere."""
    before = place.net.contents()
    run = place.run()
    assert not any(run.changed), run.output
    assert place.net.contents() == before


@pytest.mark.pairs(CANTON_3)
@pytest.mark.capability("In place: a bridge under live traffic, and back")
def test_bridge_under_traffic_and_back(start: Any) -> None:
    place = start()
    before = place.contracts() | set(place.create()) | set(place.create(NEIGHBOUR))
    with place.traffic() as made:
        run = place.run()
        assert preflight_of(run)["flavour"] == "bridge"
        assert place.on_kms()
    assert made and place.contracts() == before | set(made)
    assert place.net.info()["participants"][BANK]["uid"] == place.net.uid(BANK)
    after = place.contracts() | set(place.create()) | set(place.create(NEIGHBOUR))
    assert place.contracts() == after
    assert_unchanged(place)
    place.run(playbook=ROLLBACK)
    assert not place.on_kms() and place.own_keys()
    assert place.contracts() | set(place.create()) | set(place.create(NEIGHBOUR)) == place.contracts() >= after
    # and once more from the start
    place.run()
    assert place.on_kms() and place.contracts() >= after


@pytest.mark.pairs(CANTON_3)
@pytest.mark.capability("In place: keys born in the KMS, and back")
def test_born_and_back(start: Any) -> None:
    place = start(preview_commands=False)
    before = place.contracts() | set(place.create(NEIGHBOUR))
    own = place.mapped()
    run = place.run()
    assert preflight_of(run)["flavour"] == "born" and place.on_kms()
    after = before | set(place.create()) | set(place.create(NEIGHBOUR))
    assert place.contracts() == after
    assert_unchanged(place)
    place.run(playbook=ROLLBACK)
    assert not place.on_kms() and place.mapped() == own
    assert place.contracts() == after
    assert place.contracts() | set(place.create(NEIGHBOUR)) == place.contracts() | after


@pytest.mark.pairs(CANTON_3)
@pytest.mark.capability("In place: imported keys")
def test_import(start: Any, ansible: Ansible) -> None:
    place = start(key_spec="ec_p256")
    connection = place.net.connection(BANK)
    ansible.tasks([task("participant_key_rotation", **connection, purpose="encryption", generate="rsa_2048")])
    before = place.contracts()
    keys = {key["public_key_with_name"]["name"] for key in place.own_keys()}
    run = place.run()
    assert preflight_of(run)["flavour"] == "import" and place.on_kms()
    assert {key["public_key_with_name"]["name"] for key in place.own_keys()} <= keys
    assert place.contracts() == before
    assert set(place.create(NEIGHBOUR)) <= place.contracts()
    assert_unchanged(place)


@pytest.mark.pairs(PAIR_35)
@pytest.mark.capability("In place: GCP")
@pytest.mark.parametrize("flavour", ["import", "born"])
def test_gcp(start: Any, ansible: Ansible, flavour: str) -> None:
    """Its KMS takes Ed25519 keys, so a default participant needs no delegation; keys that are born there work as well."""
    ring = {"project": "p-1", "location": "europe-west3", "key_ring": "canton"}
    path = "projects/p-1/locations/europe-west3/keyRings/canton"
    with served() as (service, url):
        service.rings.add(path)
        place = start(
            {"kms_migration_kms": {"provider": "gcp", **ring, "endpoint_url": url}},
            preview_commands=flavour == "import",
        )
        place.settings = {"kms_provider": "gcp", "kms_endpoint": url, "kms_ring": path}
        if flavour == "import":
            rotation = task(
                "participant_key_rotation", **place.net.connection(BANK), purpose="encryption", generate="rsa_2048"
            )
            ansible.tasks([rotation])
        before = place.contracts()
        run = place.run()
        assert preflight_of(run)["flavour"] == flavour and place.on_kms()
        assert place.contracts() == before
        assert set(place.create()) | set(place.create(NEIGHBOUR)) <= place.contracts()
        assert_unchanged(place)
        place.run(playbook=ROLLBACK)
        assert not place.on_kms() and set(place.create(NEIGHBOUR)) <= place.contracts()


@pytest.mark.pairs(PAIR_35)
@pytest.mark.capability("In place: check mode")
def test_check_mode_changes_nothing(start: Any) -> None:
    place = start()
    before = place.net.contents()
    run = place.run("--check", "--diff")
    assert place.net.contents() == before and not (place.folder / "journal" / f"{BANK}.journal.json").exists()
    assert "prepare" not in run.output or run.returncode == 0


@pytest.mark.pairs(PAIR_35)
@pytest.mark.capability("In place: restart by hand")
def test_restart_by_hand(start: Any) -> None:
    """The run stops in the downtime and prints what to change; the next one resumes."""
    place = start({"kms_migration_restart": ""})
    before = place.contracts()
    run = place.run(succeeds=False)
    assert "crypto.provider = kms" in run.output and "run the same playbook again" in run.output
    run = place.run(succeeds=False)
    assert "crypto.provider = kms" in run.output, "nothing was restarted"
    place.net.command("stop", BANK)
    run = place.run(succeeds=False)
    assert "crypto.provider = kms" in run.output, "it is stopped"
    place.net.set(BANK, "crypto", "kms")
    place.net.command("start", BANK)
    place.run()
    assert place.on_kms() and place.contracts() == before
    assert journal(place)[-1] == "verified"


@pytest.mark.pairs(CANTON_3)
@pytest.mark.capability("In place: old private keys deleted")
def test_retire(start: Any, tmp_path: Path) -> None:
    place = start()
    root = tmp_path / "offline.key"
    place.options["kms_migration_root_key"] = {"path": str(root)}
    place.run()
    before = place.contracts()
    assert root.stat().st_mode & 0o777 == 0o600
    run = place.run(playbook=RETIRE, succeeds=False)
    assert "DELETE FROM common_crypto_private_keys" in run.output and place.on_kms(), run.output
    place.options["kms_migration_delete_keys"] = str(place.delete_tasks())
    place.run(playbook=RETIRE)
    assert place.on_kms() and place.contracts() == before
    assert set(place.create()) | set(place.create(NEIGHBOUR)) <= place.contracts()
    with place.net.client(BANK) as node:
        node.allocate_party("Latecomer")
    assert_unchanged(place)
    run = place.run(playbook=RETIRE)
    assert not any(run.changed), run.output
    run = place.run(playbook=ROLLBACK, succeeds=False)
    assert "in_place_retired" in run.output
    assert root.read_bytes().hex() not in run.output


@pytest.mark.pairs(PAIR_35)
@pytest.mark.capability("In place: a fleet")
def test_a_fleet_and_its_stop_file(start: Any, tmp_path: Path) -> None:
    """With the stop file nobody is restarted; without it all are. The playbook rollback knows the method."""
    stop = tmp_path / "stop"
    place = start({"kms_migration_stop_file": str(stop), "kms_migration_method": "in_place"})
    place.names = (BANK, NEIGHBOUR)
    stop.touch()
    run = place.run()
    assert "the stop file" in run.output and not any(place.on_kms(name) for name in place.names)
    stop.unlink()
    place.run()
    assert all(place.on_kms(name) for name in place.names)
    assert set(place.create()) | set(place.create(NEIGHBOUR)) <= place.contracts()
    place.run(playbook="ledgerops.canton.rollback")
    assert not any(place.on_kms(name) for name in place.names)
    assert set(place.create()) | set(place.create(NEIGHBOUR)) <= place.contracts()
