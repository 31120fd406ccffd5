# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from unit.plugins.samples import ALICE

from ansible_collections.ledgerops.canton.plugins.module_utils._participant.model import ids


def test_short_names() -> None:
    assert ids.short(ALICE) == "Alice::1220aaaaaaaa…"
    assert ids.short("Alice::1220") == "Alice::1220" and ids.short("Alice") == "Alice"
    assert ids.some("bca") == "a, b, c" and ids.some("abcdefg") == "a, b, c, d, e and 2 more"
