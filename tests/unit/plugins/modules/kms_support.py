# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run kms_key and kms_key_info against an AWS KMS inside the test process: what their tests share."""

from __future__ import annotations

from typing import Any

import pytest
from unit.plugins.module_utils._kms.support import CONNECTION, record

from ansible_collections.ledgerops.canton.plugins.module_utils._errors import CantonError
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.aws.keys import AwsKeys
from ansible_collections.ledgerops.canton.plugins.module_utils._outcome import Outcome
from ansible_collections.ledgerops.canton.plugins.modules import kms_key

ALIAS = "alias/canton/p1/namespace"
WRITES = (
    *("Create", "Update", "Tag", "Untag", "Enable", "Disable", "Schedule", "Cancel", "Delete"),
    *("Put", "Revoke", "Retire", "Replicate"),
)


def run(check: bool = False, **options: Any) -> Outcome:
    defaults = {name: option.get("default") for name, option in kms_key.SPEC.items()}
    return kms_key.ensure({**defaults, **CONNECTION, "wait_timeout": 5.0, **options}, check)


def run_thrice(keys: AwsKeys, **options: Any) -> Outcome:
    """Check, run, run again: the prediction comes true without a write before, and nothing is left to do after."""
    calls = record(keys)
    predicted = run(check=True, **options)
    assert not writes(calls)
    done = run(**options)
    assert (predicted.before, predicted.after, predicted.changed) == (done.before, done.after, done.changed)
    assert shape(predicted) == shape(done)
    assert set(predicted.warnings) <= set(done.warnings)
    calls.clear()
    again = run(**options)
    assert not again.changed
    assert again.result == done.result
    assert not writes(calls)
    return done


def writes(calls: list[str]) -> list[str]:
    return [call for call in calls if call.startswith(WRITES)]


def shape(outcome: Outcome) -> tuple[set[str], set[str]]:
    return set(outcome.result), set(key_of(outcome) if outcome.result["key"] else ())


def key_of(outcome: Outcome) -> dict[str, Any]:
    key = outcome.result["key"]
    assert isinstance(key, dict)
    return key


def refused(check: bool = False, **options: Any) -> CantonError:
    with pytest.raises(CantonError) as caught:
        run(check, **options)
    assert caught.value.hint
    return caught.value
