# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from unit.plugins.fakes import Fake, new_participant, old_participant
from unit.plugins.module_utils._participant.preflight.support import look_at
from unit.plugins.module_utils._participant.support import new_of_canton_2, old_of_canton_2
from unit.plugins.refusals import refused

from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model.interface import require_same_major


@pytest.mark.parametrize(
    ("source", "target"), [(old_of_canton_2(), new_participant()), (old_participant(), new_of_canton_2())]
)
def test_canton_2_and_3_do_not_mix(source: Fake, target: Fake) -> None:
    assert refused(lambda: require_same_major(source, target)).error_id == "release_lines"
    assert [item.id for item in look_at(source, target)] == ["release_lines"]


def test_two_nodes_of_one_major_release_do() -> None:
    require_same_major(old_of_canton_2(), new_of_canton_2())
