# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A refusal inside a check is a finding, and no connection is no finding."""

from __future__ import annotations

import pytest
from unit.plugins.fakes import Fake
from unit.plugins.module_utils._participant.preflight.support import look

from ansible_collections.ledgerops.canton.plugins.module_utils._errors import (
    CantonError,
    NoReflection,
    NotAuthenticated,
    NotPermitted,
    Unreachable,
)
from ansible_collections.ledgerops.canton.plugins.module_utils._participant.preflight.findings import Finding


@pytest.mark.parametrize("failure", [Unreachable, NotAuthenticated, NotPermitted, NoReflection])
def test_trouble_with_the_connection_ends_it(monkeypatch: pytest.MonkeyPatch, failure: type[CantonError]) -> None:
    def broken(_fake: Fake) -> str:
        raise failure("no")

    monkeypatch.setattr(Fake, "pruning_schedule", broken)
    with pytest.raises(failure):
        look()


def test_a_check_that_is_refused_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_fake: Fake) -> str:
        raise CantonError("The node refused it", "redacted", "Look at the log.")

    monkeypatch.setattr(Fake, "pruning_schedule", broken)
    assert look()[0] == [Finding("redacted", "error", "The node refused it", "Look at the log.")]
