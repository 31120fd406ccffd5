# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who speaks to AWS, and where."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import boto3
import pytest
from unit.plugins.module_utils._kms.aws.support import CONNECTION, REGION

from ansible_collections.ledgerops.canton.plugins.module_utils._errors import CantonError
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.aws.keys import AwsKeys, connect
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.aws.session import Clients

ROLE = "arn:aws:iam::123456789012:role/keeper"
ASSUMED: dict[str, Any] = {"role_arn": ROLE, "session_name": "ops", "external_id": "x-1", "duration": 900}


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """The calls of STS with their arguments."""
    found: list[tuple[str, dict[str, Any]]] = []
    make = boto3.session.Session.client

    def client(self: boto3.session.Session, *arguments: Any, **options: Any) -> Any:
        made: Any = make(self, *arguments, **options)
        made.meta.events.register(
            "provide-client-params.sts", lambda params, model, **_: found.append((model.name, params))
        )
        return made

    monkeypatch.setattr(boto3.session.Session, "client", client)
    return found


def test_role_is_assumed_before_anything_else(keys: AwsKeys, sent: list[tuple[str, dict[str, Any]]]) -> None:
    found = connect({**CONNECTION, "assume_role": ASSUMED})
    asked = {"RoleArn": ROLE, "RoleSessionName": "ops", "ExternalId": "x-1", "DurationSeconds": 900}
    assert sent == [("AssumeRole", asked)]
    assert found.region == REGION
    used = found._client._request_signer._credentials
    assert used.access_key != CONNECTION["access_key"]
    assert used.token
    assert "ExternalId" not in _asked_without_external_id(sent)


def _asked_without_external_id(sent: list[tuple[str, dict[str, Any]]]) -> dict[str, Any]:
    sent.clear()
    connect({**CONNECTION, "assume_role": {**ASSUMED, "external_id": None}})
    return sent[0][1]


def test_role_that_may_not_be_assumed(keys: AwsKeys, monkeypatch: pytest.MonkeyPatch) -> None:
    text = f"User: arn:aws:iam::123456789012:user/op is not authorized to perform: sts:AssumeRole on resource: {ROLE}"
    make = boto3.session.Session.client

    def client(self: boto3.session.Session, *arguments: Any, **options: Any) -> Any:
        made: Any = make(self, *arguments, **options)
        answer = ({"Error": {"Code": "AccessDenied", "Message": text}},)
        response = type("Response", (), {"status_code": 403})()
        made.meta.events.register("before-call.sts.AssumeRole", lambda **_: (response, answer[0]))
        return made

    monkeypatch.setattr(boto3.session.Session, "client", client)
    with pytest.raises(CantonError) as caught:
        connect({**CONNECTION, "assume_role": ASSUMED})
    assert caught.value.details["action"] == "sts:AssumeRole"
    assert "lack the permission sts:AssumeRole" in caught.value.message
    assert "trust policy" in caught.value.hint


def test_endpoints_of_sts_and_of_other_regions(keys: AwsKeys) -> None:
    urls = {"endpoint_url": "https://kms.one.example.com", "sts_endpoint_url": "https://sts.example.com"}
    clients = Clients({**CONNECTION, **urls})
    assert clients.client("sts").meta.endpoint_url == "https://sts.example.com"
    found = connect({**CONNECTION, **urls, "replica_endpoint_urls": {"eu-west-1": "https://kms.two.example.com"}})
    assert found._client.meta.endpoint_url == "https://kms.one.example.com"
    assert found.in_region("eu-west-1")._client.meta.endpoint_url == "https://kms.two.example.com"
    assert found.in_region("eu-west-1").region == "eu-west-1"
    assert found.in_region("eu-north-1")._client.meta.endpoint_url == "https://kms.one.example.com"
    assert connect(CONNECTION).in_region("eu-north-1")._client.meta.endpoint_url.startswith("https://kms.eu-north-1.")


def test_account_of_the_caller_and_of_a_key(keys: AwsKeys) -> None:
    assert keys.account(None) == ("123456789012", "aws")
    key = keys.find(keys.create("ec_p256", "sign_verify", "", {}))
    assert keys.account(key) == ("123456789012", "aws")


def test_web_identity_of_the_environment(keys: AwsKeys, tmp_path: Path) -> None:
    """The SDK's own chain does it: no option is needed, and nothing of ours is in its way."""
    token = tmp_path / "token"
    token.write_text("eyJhbGciOiJub25lIn0.e30.", encoding="utf-8")
    with pytest.MonkeyPatch.context() as environment:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
            environment.delenv(name, raising=False)
        environment.setenv("AWS_ROLE_ARN", ROLE)
        environment.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(token))
        found = connect({**CONNECTION, "access_key": None, "secret_key": None})
        assert found._client._request_signer._credentials.method == "assume-role-with-web-identity"
        assert found.names() == []


def test_the_sdk_repeats_what_is_throttled(keys: AwsKeys) -> None:
    config = keys._client.meta.config
    assert (config.retries["mode"], config.retries["total_max_attempts"]) == ("standard", 6)
