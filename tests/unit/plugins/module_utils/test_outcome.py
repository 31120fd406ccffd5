# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.ledgerops.canton.plugins.module_utils._outcome import Outcome


@pytest.mark.parametrize(
    ("before", "after", "changed"), [({}, {}, False), ({"a": 1}, {"a": 1}, False), ({"a": 1}, {"a": 2}, True)]
)
@pytest.mark.parametrize("want_diff", [True, False])
def test_changed_and_diff_tell_the_same(
    before: dict[str, object], after: dict[str, object], changed: bool, want_diff: bool
) -> None:
    values = Outcome(before, after, {"found": 1}).exit_values(want_diff)
    assert values.pop("changed") is changed
    assert values == ({"found": 1, "diff": {"before": before, "after": after}} if want_diff else {"found": 1})
