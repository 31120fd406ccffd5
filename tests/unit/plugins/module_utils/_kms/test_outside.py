# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keys of a KMS in the form of a node's API, ready to sign."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from unit.plugins.module_utils._kms.aws.support import CONNECTION, aws_in_process, record
from unit.plugins.module_utils._kms.gcp.support import gcp_in_process
from unit.plugins.module_utils._participant.dialects.fake_api import canton_3
from unit.plugins.refusals import refused

from ansible_collections.ledgerops.canton.plugins.module_utils._kms import outside, provider, signing
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.aws.keys import AwsKeys

MESSAGE = b"\x12\x20" + bytes(32)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[AwsKeys]:
    with aws_in_process(monkeypatch) as keys:
        yield keys


def options(**more: Any) -> dict[str, Any]:
    return {**{name: option.get("default") for name, option in provider.CONNECTION_SPEC.items()}, **more}


def test_a_key_of_aws(aws: AwsKeys) -> None:
    arn = aws.create("ec_p384", "sign_verify", "", {})
    keys = outside.OutsideKeys(options(**CONNECTION))
    found = keys.key(canton_3()[0], arn, "protocol")
    assert (found.key.kms_key_id, found.key.spec) == (arn, "ec_p384")
    assert found.key.usage == ("protocol", "proof_of_ownership")
    kms_key = signing.read(aws, arn)
    signature = found.sign(MESSAGE)
    assert signature.signed_by == found.key.fingerprint and signing.verifies(kms_key, MESSAGE, signature.data)


def test_a_key_of_gcp(monkeypatch: pytest.MonkeyPatch) -> None:
    with gcp_in_process(monkeypatch) as cloud:
        cloud.run(name="mine", spec="ec_curve25519", purpose="namespace")
        keys = outside.OutsideKeys(cloud.params(provider.CONNECTION_SPEC))
        found = keys.key(canton_3()[0], "mine", "namespace")
        assert found.sign(MESSAGE).signed_by == found.key.fingerprint
        assert refused(lambda: keys.key(canton_3()[0], "mine", "encryption")).error_id == "key_spec_unfit"


def test_a_key_that_canton_can_not_use_there(aws: AwsKeys) -> None:
    keys = outside.OutsideKeys(options(**CONNECTION))
    encrypting = aws.create("rsa_2048", "encrypt_decrypt", "", {})
    error = refused(lambda: keys.key(canton_3()[0], encrypting, "protocol"))
    assert error.error_id == "key_spec_unfit" and "purpose protocol" in error.hint
    assert keys.key(canton_3()[0], encrypting, "encryption").key.usage == ()


def test_nothing_is_connected_to_before_a_key_is_read(aws: AwsKeys) -> None:
    calls = record(aws)
    outside.OutsideKeys(options(**CONNECTION))
    assert calls == []
    assert refused(lambda: outside.OutsideKeys(options(project="p", region="r"))).error_id == "option_unfit"


@pytest.mark.parametrize(
    ("given", "named"), [({}, False), ({"region": "eu-central-1"}, True), ({"provider": "gcp"}, True)]
)
def test_whether_a_kms_is_named(given: dict[str, Any], named: bool) -> None:
    assert outside.names_kms(options(**given)) is named
