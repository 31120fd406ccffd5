# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The result of a module: facts before and after, return values and warnings."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Outcome:
    """The result of one ``ensure``.

    ``before`` and ``after`` are small dictionaries of facts. ``changed`` and ``--diff`` are computed from them, so both always
    agree. In check mode ``after`` is the prediction. ``result`` holds the documented return values.
    """

    before: dict[str, object] = field(default_factory=dict)
    after: dict[str, object] = field(default_factory=dict)
    result: dict[str, object] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    @property
    def changed(self) -> bool:
        return self.before != self.after

    def exit_values(self, want_diff: bool) -> dict[str, object]:
        values: dict[str, object] = {"changed": self.changed}
        values.update(self.result)
        if want_diff:
            values["diff"] = {"before": self.before, "after": self.after}
        return values
