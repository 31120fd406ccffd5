# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest
from unit.plugins.fakes import Fake, new_participant, old_participant
from unit.plugins.module_utils._participant.support import new_of_canton_2, old_of_canton_2
from unit.plugins.refusals import refused
from unit.plugins.samples import NEW, NEW_SYNC, OLD, OLD_SYNC, PACKAGE

from ansible_collections.ledgerops.canton.plugins.module_utils._errors import SerialMismatch
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.copying import packages
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.copying.packages import (
    PackagePlan,
    copy,
    plan_copy,
)
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.entities import (
    AUTHORIZED,
    BUILTIN_DAR_PREFIXES,
    Dar,
    Vetting,
)

APP, LIB, BUILTIN = (
    Dar(PACKAGE, "app", "1.0.0", "mine"),
    Dar("pkg-lib", "lib", "2.0.0"),
    Dar("b", BUILTIN_DAR_PREFIXES[0], "1"),
)
CONTENTS = {APP: {"dep"}, LIB: {"dep"}, BUILTIN: set[str]()}


def source(**values: Any) -> Fake:
    return old_participant(**{"dar_contents": CONTENTS, "vetted": {OLD_SYNC: {PACKAGE, "dep", "b"}}, **values})


def plan(
    target: Fake, origin: Fake | None = None, excluded: tuple[str, ...] = (), files: dict[str, bytes] | None = None
) -> PackagePlan:
    return plan_copy(origin or source(), OLD, OLD_SYNC, target, NEW, NEW_SYNC, excluded, files or {})


def empty_target() -> Fake:
    return new_participant(dar_contents={}, vetted={})


@pytest.mark.parametrize(
    ("stored", "vetted", "upload", "vet"),
    [
        ({}, set(), [APP, LIB], [APP, LIB]),
        (CONTENTS, {PACKAGE, "dep"}, [], []),
        (CONTENTS, {PACKAGE, "dep", "own"}, [], []),
        (CONTENTS, {"dep"}, [], [APP]),
        (CONTENTS, {PACKAGE}, [], [APP, LIB]),
        ({APP: {"dep"}}, {PACKAGE, "dep"}, [LIB], []),
    ],
)
def test_what_the_target_lacks(
    stored: dict[Dar, set[str]], vetted: set[str], upload: list[Dar], vet: list[Dar]
) -> None:
    found = plan(new_participant(dar_contents=stored, vetted={NEW_SYNC: vetted}))
    assert list(found.upload) == upload and list(found.vet) == vet
    assert found.changes is bool(upload or vet) and found.unreachable == frozenset()


@pytest.mark.parametrize("excluded", ["app", PACKAGE])
def test_excluded_by_name_or_id(excluded: str) -> None:
    found = plan(empty_target(), excluded=(excluded,))
    assert found.upload == (LIB,) and found.vettings == {Vetting("dep")}


def test_packages_that_no_dar_brings() -> None:
    origin = source(vetted={OLD_SYNC: {PACKAGE, "lost", "stored", "vetted"}})
    target = new_participant(dar_contents={Dar("stored", "s", "1"): set()}, vetted={NEW_SYNC: {"vetted"}})
    assert plan(target, origin).unreachable == {"lost"}


def test_dars_from_files() -> None:
    found = plan(empty_target(), files={"extra.dar": b"pkg-extra", "app.dar": PACKAGE.encode()})
    assert [dar.main for dar in found.upload] == [PACKAGE, "pkg-lib", "pkg-extra"]
    assert [dar.main for dar in found.vet] == [PACKAGE, "pkg-lib", "pkg-extra"] and found.whole == {"pkg-extra"}
    assert found.files == {"pkg-extra": b"pkg-extra", PACKAGE: PACKAGE.encode()}


def test_dars_from_files_that_are_there() -> None:
    target = new_participant(dar_contents=CONTENTS, vetted={NEW_SYNC: {PACKAGE, "dep"}})
    assert not plan(target, files={"app.dar": PACKAGE.encode()}).changes


def carry_out(found: PackagePlan, target: Fake) -> None:
    copy(found, source(), target, NEW, NEW_SYNC, 0.01)


def test_copy_vets_only_what_the_source_vets() -> None:
    target = new_participant(dar_contents={}, vetted={})
    carry_out(plan(target), target)
    assert target.changes == [("upload", PACKAGE), ("upload", "pkg-lib"), ("vet", NEW_SYNC, "dep", PACKAGE)]


def test_copy_vets_what_is_stored() -> None:
    target = new_participant(dar_contents=CONTENTS, vetted={})
    carry_out(plan(target), target)
    assert target.changes == [("vet", NEW_SYNC, "dep", PACKAGE)]
    assert not plan(target).changes


def test_bounds_and_gaps_of_the_source_are_copied() -> None:
    vetted = {Vetting(PACKAGE, valid_until=9), Vetting("pkg-lib", valid_from=5)}
    origin = source(vetted={OLD_SYNC: vetted})
    target = new_participant(dar_contents=CONTENTS, vetted={NEW_SYNC: {PACKAGE, "own"}})
    copy(plan(target, origin), origin, target, NEW, NEW_SYNC, 0.01)
    assert target.vettings(NEW_SYNC, NEW) == {*vetted, Vetting("own")}
    assert not plan(target, origin).changes


def test_surplus() -> None:
    """What a node vets by itself is none, nor is what no DAR of the source contains."""
    target = new_participant(dar_contents=CONTENTS, vetted={NEW_SYNC: {PACKAGE, "dep", "pkg-lib", "b", "own"}})
    found = plan(target)
    assert found.surplus == {"pkg-lib"} and not found.changes


def test_file_is_vetted_whole() -> None:
    """But for a package that the source vets in its own way."""
    origin = source(vetted={OLD_SYNC: {Vetting("dep", valid_from=5)}})
    target = empty_target()
    copy(plan(target, origin, files={"extra.dar": b"pkg-extra,dep,more"}), origin, target, NEW, NEW_SYNC, 0.01)
    assert target.vettings(NEW_SYNC, NEW) == {Vetting("pkg-extra"), Vetting("more"), Vetting("dep", valid_from=5)}


def test_vetting_that_another_changes_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    target, once = new_participant(dar_contents=CONTENTS, vetted={}), Fake.vet

    def vet(self: Fake, *arguments: Any) -> None:
        monkeypatch.setattr(Fake, "vet", once)
        raise SerialMismatch("changed by another")

    monkeypatch.setattr(Fake, "vet", vet)
    copy(plan(target), source(), target, NEW, NEW_SYNC, 5)
    assert not plan(target).changes


@pytest.mark.parametrize(
    ("method", "error_id", "message"),
    [("upload_dar", "dar_not_listed", f"DARs pkg-lib, {PACKAGE}"), ("vet", "packages_not_vetted", "as vetted")],
)
def test_copy_is_proven(monkeypatch: pytest.MonkeyPatch, method: str, error_id: str, message: str) -> None:
    monkeypatch.setattr(Fake, method, lambda *_arguments: None)
    target = new_participant(dar_contents={} if method == "upload_dar" else CONTENTS, vetted={})
    error = refused(lambda: carry_out(plan(target), target))
    assert error.error_id == error_id and message in error.message


@pytest.mark.parametrize(("store", "to_vet"), [(AUTHORIZED, []), (NEW_SYNC, [PACKAGE])])
def test_vetting_is_looked_for_in_the_own_store_while_away(store: str, to_vet: list[str]) -> None:
    target = new_of_canton_2(vetted={store: {PACKAGE}})
    source = old_of_canton_2()
    found = packages.plan_copy(source, OLD, source.known[0].id, target, NEW, NEW_SYNC, (), {})
    assert [dar.main for dar in found.vet] == to_vet


def test_contents_of_dars_are_not_read_where_both_vet_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    origin, target = source(), new_participant(dar_contents=CONTENTS, vetted={NEW_SYNC: {PACKAGE, "dep", "b"}})
    monkeypatch.setattr(origin, "dar_packages", lambda main: pytest.fail(f"{main} was read"))
    assert not plan(target, origin).changes
