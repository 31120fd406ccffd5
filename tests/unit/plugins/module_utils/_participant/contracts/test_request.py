# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a call of the module needs, and what it refuses to do without."""

from __future__ import annotations

from dataclasses import replace

from unit.plugins.module_utils._participant.support import Setting
from unit.plugins.refusals import refused
from unit.plugins.samples import NEW, NEW_SYNC, OLD, OLD_SYNC


def test_ends(at: Setting) -> None:
    _source, spec = at.task().ends()
    assert (spec.source, spec.target, spec.renames) == (OLD, NEW, {OLD_SYNC: NEW_SYNC})


def test_what_is_missing_is_named(at: Setting) -> None:
    assert refused(at.task(source=False).ends).error_id == "source_missing"
    assert refused(at.task(pipe=True).files).error_id == "path_missing"
    assert refused(at.task().manifest).error_id == "snapshot_missing"
    at.export()
    assert refused(replace(at.task(), target=at.source).manifest).error_id == "snapshot_of_another_pair"
