# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The connection to AWS: credentials, an assumed role, region and endpoints. Imports boto3."""

from __future__ import annotations

import os
import typing as t
from contextlib import contextmanager

from ..._errors import CantonError
from . import errors as aws_errors

try:
    import boto3
    import botocore.config
    import botocore.exceptions
except ImportError as exc:
    BOTO3_IMPORT_ERROR: ImportError | None = exc
else:
    BOTO3_IMPORT_ERROR = None


class Clients:
    """Makes the SDK's clients for one set of options (see ``options``). Only an assumed role sends something."""

    def __init__(self, params: t.Mapping[str, t.Any]) -> None:
        self._endpoints = {"kms": params["endpoint_url"], "sts": params.get("sts_endpoint_url")}
        # the SDK itself reads AWS_DEFAULT_REGION only; other unset options it reads from AWS's usual places
        self._region = params["region"] or os.environ.get("AWS_REGION") or None
        with _as_canton_error():
            self._session: t.Any = boto3.session.Session(
                profile_name=params["profile"],
                region_name=self._region,
                aws_access_key_id=params["access_key"],
                aws_secret_access_key=params["secret_key"],
                aws_session_token=params["session_token"],
            )
        if params.get("assume_role"):
            self._session = self._of_role(params["assume_role"])

    def client(self, service: str, region: str | None = None, endpoint_url: str | None = None) -> t.Any:
        """A client of ``kms`` or ``sts``, in the region of the options unless another is named."""
        config = botocore.config.Config(
            connect_timeout=10,
            read_timeout=30,
            retries={"mode": "standard", "max_attempts": 5},
            user_agent_extra="ledgerops.canton",
        )
        with _as_canton_error():
            return self._session.client(
                service, region_name=region, endpoint_url=endpoint_url or self._endpoints[service], config=config
            )

    def caller(self) -> tuple[str, str]:
        """The account and the partition (``aws``, ``aws-cn``, ...) of these credentials. Needs no permission."""
        answer = guarded(self.client("sts"), "get_caller_identity")
        return str(answer["Account"]), str(answer["Arn"]).split(":")[1]

    def _of_role(self, role: t.Mapping[str, t.Any]) -> t.Any:
        external_id = {"ExternalId": role["external_id"]} if role["external_id"] else {}
        answer = guarded(
            self.client("sts"),
            "assume_role",
            RoleArn=role["role_arn"],
            RoleSessionName=role["session_name"],
            DurationSeconds=role["duration"],
            **external_id,
        )
        return boto3.session.Session(
            region_name=self._session.region_name,
            aws_access_key_id=answer["Credentials"]["AccessKeyId"],
            aws_secret_access_key=answer["Credentials"]["SecretAccessKey"],
            aws_session_token=answer["Credentials"]["SessionToken"],
        )


def guarded(client: t.Any, method: str, act: t.Callable[[], t.Any] | None = None, **arguments: t.Any) -> t.Any:
    """One call (or ``act``, which makes calls of ``method``); what AWS or the SDK refuses becomes a CantonError."""
    operation = client.meta.method_to_api_mapping[method]
    service = client.meta.service_model.service_name
    try:
        return act() if act else getattr(client, method)(**arguments)
    except botocore.exceptions.ClientError as exc:
        error = exc.response.get("Error", {})
        code, text = error.get("Code", ""), error.get("Message", "")
        raise aws_errors.refused(operation, code, text, client.meta.region_name, service) from exc
    except botocore.exceptions.BotoCoreError as exc:
        raise aws_errors.failed(operation, exc, service) from exc


@contextmanager
def _as_canton_error() -> t.Iterator[None]:
    """What the SDK finds wrong with the options is raised as a CantonError."""
    try:
        yield
    except botocore.exceptions.BotoCoreError as exc:
        raise aws_errors.failed("The connection", exc) from exc
    except ValueError as exc:
        raise CantonError(
            str(exc), "endpoint_invalid", "Give endpoint_url as https://HOST or http://HOST:PORT."
        ) from exc
