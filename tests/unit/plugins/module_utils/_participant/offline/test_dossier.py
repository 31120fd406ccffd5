# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A dossier as a file: private, whole or refused."""

from __future__ import annotations

import stat
import zipfile
from pathlib import Path
from typing import Any

import pytest
from unit.plugins.fakes import Fake, old_participant
from unit.plugins.module_utils._participant.offline.support import written
from unit.plugins.refusals import refused
from unit.plugins.samples import ALICE, BOB, OLD, OLD_SYNC, PACKAGE, contract

from ansible_collections.ledgerops.canton.plugins.module_utils._errors import CantonError, Unreachable
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.offline import dossier
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.offline.participant import (
    OfflineParticipant,
)


@pytest.mark.parametrize("cut", [0, 10, 100, -1, -30])
def test_a_cut_file_is_refused(path: str, cut: int) -> None:
    written(path, old_participant())
    Path(path).write_bytes(Path(path).read_bytes()[:cut])
    assert refused(lambda: OfflineParticipant(path, "source participant")).error_id == "dossier_unreadable"
    assert dossier.existing(path) is None


def test_every_damaged_byte_is_noticed_or_harmless(path: str) -> None:
    """Whatever is answered is what was written."""
    live = old_participant()
    expected = told(written(path, live))
    whole = Path(path).read_bytes()
    for place in range(0, len(whole), 7):
        damaged = bytearray(whole)
        damaged[place] ^= 0x41
        Path(path).write_bytes(damaged)
        try:
            assert told(OfflineParticipant(path, live.label)) == expected, place
        except CantonError as exc:
            assert exc.error_id in ("dossier_unreadable", "dossier_lacks"), place


def told(found: Any) -> tuple[Any, ...]:
    return (
        found.identity(),
        found.hostings(OLD_SYNC, OLD),
        list(found.active_contracts([ALICE, BOB], 10)),
        found.download_dar(PACKAGE),
    )


def test_a_missing_file(path: str) -> None:
    error = refused(lambda: OfflineParticipant(path, "source participant"))
    assert error.error_id == "dossier_missing" and path in error.message


@pytest.mark.parametrize("change", ['"version": 1', '"version": 2, "more": 1'])
def test_a_dossier_of_another_release(path: str, change: str) -> None:
    written(path, old_participant())
    with zipfile.ZipFile(path) as archive:
        text = archive.read(dossier.MAIN).decode()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(dossier.MAIN, text.replace('"version": 2', change))
    assert refused(lambda: OfflineParticipant(path, "source participant")).error_id == "dossier_unreadable"


def test_the_file_is_private_and_replaced_as_a_whole(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    written(path, old_participant())
    assert stat.S_IMODE(Path(path).stat().st_mode) == 0o600
    before = Path(path).read_bytes()

    def breaks(_self: Fake, _main: str) -> bytes:
        raise Unreachable("gone")

    monkeypatch.setattr(Fake, "download_dar", breaks)
    assert refused(lambda: written(path, old_participant())).error_id == "unreachable"
    assert Path(path).read_bytes() == before
    assert [item.name for item in Path(path).parent.iterdir()] == ["old.dossier"]


def test_the_order_in_which_a_node_lists_makes_no_difference() -> None:
    one, two = old_participant(), old_participant()
    two.hosted[OLD_SYNC].reverse()
    two.contracts.reverse()
    two.end += 5
    three = old_participant(contracts=[contract("00a1", ALICE)])
    views = [dossier.summary(dossier.look(item, dossier.SECTIONS, [])) for item in (one, two, three)]
    assert views[0] == views[1] != views[2]
