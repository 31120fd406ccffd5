# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An AWS KMS inside the test process, runs of kms_key against it, and a way to make it refuse what moto would wrongly allow."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from types import SimpleNamespace
from typing import Any

import botocore.session
import pytest
from moto import mock_aws

from ansible_collections.ledgerops.canton.plugins.module_utils._errors import CantonError
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.aws.keys import AwsKeys, connect
from ansible_collections.ledgerops.canton.plugins.module_utils._outcome import Outcome
from ansible_collections.ledgerops.canton.plugins.modules import kms_key

REGION = "eu-central-1"


CONNECTION: dict[str, Any] = {
    "region": REGION,
    "endpoint_url": None,
    "profile": None,
    "access_key": "AKIAUNITTESTUNITTEST",
    "secret_key": "unit-test-secret-unit-test-secret",
    "session_token": None,
    "sts_endpoint_url": None,
    "assume_role": None,
}


# Every session would read the same descriptions of AWS's services again, which takes longer than a test.
_loader = cache(botocore.session.create_loader)


@contextmanager
def aws_in_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[AwsKeys]:
    """Keys of an empty account; nothing of the developer's own AWS settings gets in."""
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_KMS"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/nonexistent")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setattr(botocore.session, "create_loader", _loader)
    with mock_aws():
        yield connect(CONNECTION)


def client_of(keys: AwsKeys) -> Any:
    return keys._client


def refuse(keys: AwsKeys, operation: str, code: str, text: str = "no") -> None:
    """From now on this API operation answers with an error; every other one goes to moto."""

    def answer(**_arguments: Any) -> tuple[Any, dict[str, Any]]:
        return SimpleNamespace(status_code=400), {"Error": {"Code": code, "Message": text}}

    client_of(keys).meta.events.register(f"before-call.kms.{operation}", answer)


def break_down(keys: AwsKeys, operation: str, exc: Exception) -> None:
    """From now on this API operation doesn't get an answer."""

    def answer(**_arguments: Any) -> None:
        raise exc

    client_of(keys).meta.events.register(f"before-call.kms.{operation}", answer)


def record(keys: AwsKeys) -> list[str]:
    """The names of all operations that are called from now on."""
    calls: list[str] = []

    def note(model: Any, **_arguments: Any) -> None:
        calls.append(model.name)

    client_of(keys).meta.events.register_first("before-call.kms", note)
    return calls


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
