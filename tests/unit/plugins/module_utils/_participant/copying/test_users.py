# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from unit.plugins.fakes import Fake, new_participant, old_participant
from unit.plugins.module_utils._participant.support import new_of_canton_2, old_of_canton_2
from unit.plugins.refusals import refused
from unit.plugins.samples import ALICE, BOB, CAROL

from ansible_collections.ledgerops.canton.plugins.module_utils._participant.copying import users
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.copying.users import (
    UserPlan,
    copy,
    plan_copy,
)
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.entities import (
    ADMIN_USER,
    IdentityProvider,
    LocalParty,
    Right,
    User,
)

IDP = IdentityProvider("idp", "issuer", "https://idp.example/jwks", "aud", False)
ACT, READ, ADMIN = Right("can_act_as", ALICE), Right("can_read_as", BOB), Right("participant_admin")
APP = User("app", ALICE, annotations=(("team", "a"),), rights=frozenset({ACT, READ, ADMIN}))
GUEST = User("guest", identity_provider="idp")
ROOT = User(ADMIN_USER, rights=frozenset({ADMIN}))


def source(**values: Any) -> Fake:
    return old_participant(**{"people": [ROOT, APP, GUEST], "providers": [IDP], **values})


def plan(target: Fake, origin: Fake | None = None, skip: tuple[str, ...] = (), admin_rights: bool = False) -> UserPlan:
    return plan_copy(origin or source(), target, skip, admin_rights)


def plain(user: User) -> User:
    return replace(user, rights=user.rights - {ADMIN})


def test_everything_is_missing() -> None:
    found = plan(new_participant(people=[ROOT]))
    assert found.providers == [IDP] and found.create == [plain(APP), GUEST]
    assert not found.update and not found.grant and not found.annotate
    assert found.left_out == {"app": ["participant_admin"]}


def test_admin_rights_only_when_asked_for() -> None:
    found = plan(new_participant(), admin_rights=True)
    assert found.create == [APP, GUEST] and found.left_out == {}


def test_a_target_that_does_not_know_a_setting_of_a_user_is_refused() -> None:
    origin = source(people=[replace(APP, primary_party_authentication=True), GUEST])
    target = new_participant(authenticates=False)
    error = refused(lambda: plan(target, origin))
    assert error.error_id == "user_setting_unknown" and "User app" in str(error)
    assert plan(target, origin, skip=("app",)).create == [GUEST]
    assert plan(new_participant(), origin).create[0].primary_party_authentication


def test_skipped_users() -> None:
    found = plan(new_participant(), skip=("app",))
    assert found.create == [GUEST] and found.left_out == {"app": sorted(map(str, APP.rights))}


def test_rights_that_the_target_has_are_not_left_out() -> None:
    assert (
        plan(new_participant(people=[APP])).left_out
        == plan(new_participant(people=[APP]), skip=("app",)).left_out
        == {}
    )


@pytest.mark.parametrize(
    ("standing", "update", "granted"),
    [
        (plain(APP), False, set()),
        (replace(APP, rights=APP.rights | {Right("can_act_as", CAROL)}), False, set()),
        (replace(APP, annotations=(*APP.annotations, ("own", "1"))), False, set()),
        (replace(APP, rights=frozenset({ACT})), False, {READ}),
        (replace(APP, primary_party=BOB), True, set()),
        (replace(APP, deactivated=True), True, set()),
        (replace(APP, annotations=()), True, set()),
        (replace(APP, annotations=(("team", "b"),), rights=frozenset()), True, {ACT, READ}),
    ],
)
def test_user_that_is_there(standing: User, update: bool, granted: set[Right]) -> None:
    found = plan(new_participant(people=[standing, GUEST], providers=[IDP]))
    assert not found.create
    assert [user.id for user in found.update] == (["app"] if update else [])
    assert [(user.id, set(rights)) for user, rights in found.grant] == ([("app", granted)] if granted else [])
    assert found.empty is not (update or bool(granted))


def test_same_id_under_another_provider_is_another_user() -> None:
    found = plan(new_participant(people=[plain(APP), replace(GUEST, identity_provider="")], providers=[IDP]))
    assert found.create == [GUEST]


def test_provider_that_differs() -> None:
    target = new_participant(providers=[replace(IDP, issuer="somebody else")])
    error = refused(lambda: plan(target))
    assert error.error_id == "identity_provider_differs"
    assert "idp" in error.message and "JWKS URL" in error.hint


NOTED = LocalParty(ALICE, True, (("k", "v"),))


@pytest.mark.parametrize(
    ("wanted", "standing", "annotated"),
    [
        (NOTED, LocalParty(ALICE, True), True),
        (NOTED, NOTED, False),
        (NOTED, replace(NOTED, annotations=(("k", "v"), ("own", "1"))), False),
        (NOTED, replace(NOTED, is_local=False, annotations=()), False),
        (replace(NOTED, is_local=False), LocalParty(ALICE, True), False),
        (NOTED, LocalParty(BOB, True), False),
        (replace(NOTED, identity_provider="idp"), NOTED, True),
    ],
)
def test_annotations_of_parties_that_both_host(wanted: LocalParty, standing: LocalParty, annotated: bool) -> None:
    found = plan(
        new_participant(parties=[standing], providers=[IDP]), source(parties=[wanted], people=[], providers=[IDP])
    )
    assert [party for party, _existing in found.annotate] == ([wanted] if annotated else [])


def test_copy_leaves_nothing_to_do() -> None:
    origin = source(parties=[replace(NOTED, identity_provider="idp")])
    target = new_participant(people=[ROOT, replace(APP, primary_party=BOB, rights=frozenset())])
    target.parties = [LocalParty(ALICE, True)]
    copy(plan(target, origin), origin, target, (), False)
    assert plan(target, origin).empty
    assert {user.id: user.rights for user in target.people} == {
        ADMIN_USER: {ADMIN},
        "app": {ACT, READ},
        "guest": frozenset(),
    }
    assert target.parties == [replace(NOTED, identity_provider="idp")]


def test_copy_is_proven(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Fake, "create_user", lambda *_arguments: None)
    target = new_participant()
    error = refused(lambda: copy(plan(target), source(), target, (), False))
    assert error.error_id == "users_differ" and "app, guest" in error.message


def test_display_names_are_copied() -> None:
    source = old_of_canton_2(parties=[LocalParty(ALICE, True, display_name="Alice & Co"), LocalParty(BOB, True)])
    target = new_of_canton_2(parties=[LocalParty(ALICE, True), LocalParty(BOB, True, display_name="bob")])
    plan = users.plan_copy(source, target, (), False)
    assert [party.party for party, _existing in plan.annotate] == [ALICE]
    users.copy(plan, source, target, (), False)
    assert {item.party: item.display_name for item in target.parties} == {ALICE: "Alice & Co", BOB: "bob"}
