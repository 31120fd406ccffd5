# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run a participant module from its arguments to its JSON, against participants made of lists."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args
from unit.plugins.fakes import Fake, new_participant, old_participant

from ansible_collections.ledgerops.canton.plugins.module_utils._api.endpoint import Endpoint

SOURCE, TARGET = "10.0.0.5:5012", "10.0.0.6:5012"


class Participants:
    """The fakes behind two addresses, and calls of modules that name these."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.source = old_participant()
        self.target = new_participant()

    def open(self, admin: Endpoint, _ledger: Endpoint | None) -> Fake:
        return {SOURCE: self.source, TARGET: self.target}[admin.address]

    def run(self, module: Any, check: bool = False, **options: Any) -> dict[str, Any]:
        arguments = {**options, "_ansible_check_mode": check, "_ansible_diff": True}
        with patch_module_args(arguments), pytest.raises(SystemExit):
            module.main()
        values = json.loads(self._capsys.readouterr().out)
        assert isinstance(values, dict)
        return values

    def between(self, module: Any, check: bool = False, **options: Any) -> dict[str, Any]:
        return self.run(module, check, source={"endpoint": SOURCE}, target={"endpoint": TARGET}, **options)

    def thrice(self, module: Any, **options: Any) -> dict[str, Any]:
        """Check, run, run again: the prediction changes nothing and comes true, and nothing is left to do after."""
        changes = [len(self.source.changes), len(self.target.changes)]
        predicted = self.between(module, check=True, **options)
        assert [len(self.source.changes), len(self.target.changes)] == changes
        done = self.between(module, **options)
        again = self.between(module, **options)
        assert predicted["diff"] == done["diff"]
        assert (predicted["changed"], done["changed"], again["changed"]) == (True, True, False)
        return done
