# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A dossier answers what was written, and refuses everything else."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from typing import Any

import pytest
from unit.plugins.fakes import Fake, new_participant, old_participant
from unit.plugins.module_utils._participant.offline.support import written
from unit.plugins.refusals import refused
from unit.plugins.samples import ALICE, BOB, NEW, NEW_SYNC, OLD, OLD_NAMESPACE, OLD_SYNC, PACKAGE, synchronizer

from ansible_collections.ledgerops.canton.plugins.module_utils._errors import DarWithoutContent
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.entities import (
    AUTHORIZED,
    Identity,
    IdentityProvider,
    LocalParty,
    Right,
    User,
)
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.offline import dossier
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.offline.participant import (
    OfflineParticipant,
)


@pytest.mark.parametrize("major", [2, 3])
def test_answers_are_those_of_the_participant(path: str, major: int) -> None:
    live = old_participant(
        major=major,
        known=[synchronizer("oldsync"), replace(synchronizer("spare", connected=False), physical_id="")],
        providers=[IdentityProvider("corp", "https://issuer", "https://jwks", "ledger", False)],
        people=[
            User("app", ALICE, annotations=(("a", "1"),), rights=frozenset({Right("can_act_as", ALICE), Right("z")})),
            User("corporate", identity_provider="corp", deactivated=True),
        ],
        parties=[LocalParty(ALICE, True, (("k", "v"),), "", "Alice"), LocalParty(BOB, True, (), "corp")],
    )
    found = written(path, live)
    traits = ("major", "reports_kms_keys", "reports_synchronizer_of_contracts", "hosts_offline", "one_mapping_per_host")
    for name in (*traits, "writes_for_protocol_version", "has_ledger"):
        assert getattr(found, name) == getattr(live, name), name
    assert found.hosting_stores(OLD_SYNC) == live.hosting_stores(OLD_SYNC)
    plain = ("identity", "synchronizers", "own_keys", "dars", "packages", "identity_providers", "ledger_end")
    for name in (*plain, "knows_authentication", "pruning_schedule"):
        assert getattr(found, name)() == getattr(live, name)(), name
    for item in live.known:
        assert found.protocol_version(item) == live.protocol_version(item)
        assert found.written_for(item) == live.written_for(item)
    for store in (OLD_SYNC, *([AUTHORIZED] if major == 2 else [])):
        assert found.hostings(store, OLD) == live.hostings(store, OLD)
        assert found.vettings(store, OLD) == live.vettings(store, OLD)
        assert found.decentralized_namespaces(store) == live.decentralized_namespaces(store)
    for store in (OLD_SYNC, AUTHORIZED):
        for removed in (False, True):
            assert found.signed_delegations(store, OLD_NAMESPACE, removed) == live.signed_delegations(
                store, OLD_NAMESPACE, removed
            )
        assert found.delegations(store, OLD_NAMESPACE) == live.delegations(store, OLD_NAMESPACE)
    assert found.in_flight(OLD_SYNC) == live.in_flight(OLD_SYNC) == 0
    assert found.hosting_store(OLD_SYNC) == live.hosting_store(OLD_SYNC)
    assert found.hosting_store("never heard of") == live.hosting_store("never heard of")
    assert found.dar_packages(PACKAGE) == live.dar_packages(PACKAGE)
    assert found.download_dar(PACKAGE) == live.download_dar(PACKAGE)
    for provider in ("", "corp"):
        assert found.users(provider) == live.users(provider)
        assert found.local_parties(provider) == live.local_parties(provider)
    assert list(found.active_contracts([ALICE], 10)) == list(live.active_contracts([ALICE], 10))
    assert list(found.active_contracts([], 10)) == list(found.active_contracts([ALICE], 0)) == []
    assert found.label.startswith("source participant (dossier of 20")


def test_what_needs_the_participant_is_refused(path: str) -> None:
    found = written(path, old_participant())
    error = refused(lambda: found.require_live("hosting parties"))
    assert error.error_id == "dossier_is_read_only" and "(hosting parties)" in error.message
    assert "Run this step on a host" in error.hint
    for name in ("connect", "export_contracts", "authorize_delegation", "host_parties", "as_canton_3"):
        assert hasattr(old_participant(), name) and not hasattr(found, name)


@pytest.mark.parametrize(
    ("ask", "what"),
    [
        (lambda found: found.hostings(OLD_SYNC), "hostings of all participants"),
        (lambda found: found.hostings(OLD_SYNC, NEW), "hostings of new::"),
        (lambda found: found.hostings(NEW_SYNC, OLD), NEW_SYNC),
        (lambda found: found.vettings(OLD_SYNC, NEW), "vetted packages of new::"),
        (lambda found: found.delegations(OLD_SYNC, "1220ee"), "1220ee"),
        (lambda found: found.signed_delegations(OLD_SYNC, OLD_NAMESPACE, written_for=5), "protocol version 5"),
        (lambda found: found.users("corp"), "corp"),
        (lambda found: list(found.active_contracts([ALICE], 11)), "offset 11"),
        (lambda found: found.download_dar("pkg-other"), "pkg-other"),
        (lambda found: found.dar_packages("pkg-other"), "pkg-other"),
        (lambda found: found.in_flight(NEW_SYNC), "in flight"),
        (lambda found: found._content["node"]["flags"].clear() or found.major, "MAJOR"),
        (lambda found: found.protocol_version(synchronizer("newsync")), "newsync"),
    ],
)
def test_what_it_does_not_know_is_no_empty_answer(path: str, ask: Any, what: str) -> None:
    error = refused(lambda: ask(written(path, old_participant())))
    assert error.error_id == "dossier_lacks" and what in error.message and "participant_dossier" in error.hint


@pytest.mark.parametrize(
    ("section", "ask"),
    [
        ("keys", lambda found: found.own_keys()),
        ("topology", lambda found: found.hostings(OLD_SYNC, OLD)),
        ("packages", lambda found: found.dars()),
        ("dar_files", lambda found: found.download_dar(PACKAGE)),
        ("users", lambda found: found.identity_providers()),
        ("contracts", lambda found: list(found.active_contracts([ALICE], 10))),
    ],
)
def test_a_section_that_was_left_out_is_named(path: str, section: str, ask: Any) -> None:
    others = [name for name in dossier.SECTIONS if name != section]
    error = refused(lambda: ask(written(path, old_participant(), others)))
    assert error.error_id == "dossier_lacks" and f"{section} in gather" in error.hint


def test_one_that_does_not_serve_tells_who_it_is(path: str) -> None:
    waiting = old_participant(status=Identity(OLD, False, True, "3.5.10", "id", ()))
    assert written(path, waiting).identity() == waiting.status
    assert refused(lambda: written(path, waiting).own_keys()).error_id == "dossier_lacks"


def test_without_a_ledger_api_there_are_no_users_and_contracts(path: str) -> None:
    found = written(path, old_participant(has_ledger=False), ["keys", "topology", "packages"])
    assert not found.has_ledger and len(found.own_keys()) == 1
    assert refused(found.ledger_end).error_id == "dossier_lacks"


def test_a_dar_without_a_file_says_so_when_it_is_needed(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(_self: Fake, main: str) -> bytes:
        raise DarWithoutContent(f"There is no file of {main}")

    monkeypatch.setattr(Fake, "download_dar", none)
    found = written(path, old_participant())
    error = refused(lambda: found.download_dar(PACKAGE))
    assert (error.error_id, error.message) == ("dar_without_content", f"There is no file of {PACKAGE}")


def test_another_participant_is_refused(path: str) -> None:
    assert written(path, old_participant(), uid=OLD).identity().uid == OLD
    error = refused(lambda: OfflineParticipant(path, "source participant", NEW))
    assert error.error_id == "dossier_of_another" and OLD in error.message and NEW in error.message


def test_fields_of_another_release(path: str) -> None:
    written(path, old_participant())
    with zipfile.ZipFile(path) as archive:
        text = archive.read(dossier.MAIN).decode()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(dossier.MAIN, text.replace('"manual_connect"', '"renamed"'))
    error = refused(OfflineParticipant(path, "source participant").synchronizers)
    assert error.error_id == "dossier_unreadable" and "another release" in error.message


def test_the_target_for_the_host_of_the_source(path: str) -> None:
    live = new_participant()
    dossier.write(path, live, dossier.SECTIONS, [OLD_NAMESPACE])
    found: Any = OfflineParticipant(path, live.label, NEW)
    assert found.delegations(NEW_SYNC, OLD_NAMESPACE) == []
    assert [key.kms_key_id for key in found.own_keys()] == ["kms-1", "kms-2"]
