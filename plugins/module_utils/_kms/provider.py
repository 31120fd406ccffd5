# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which KMS a task is about, and which options belong to it. Loads no library of either."""

from __future__ import annotations

import typing as t

from ansible_collections.ledgerops.canton.plugins.module_utils._errors import CantonError
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.gcp.keys import KEEPING_SPEC, KEY_SPEC
from ansible_collections.ledgerops.canton.plugins.module_utils._kms.gcp.session import CONNECTION_SPEC

AWS, GCP = "aws", "gcp"
SPEC: dict[str, dict[str, t.Any]] = {"provider": {"type": "str", "choices": [AWS, GCP], "default": AWS}}
LABELS = {AWS: "AWS", GCP: "GCP"}

_ONLY_GCP = {*CONNECTION_SPEC, *KEY_SPEC, *KEEPING_SPEC}
# What means the same for both, in every module that has it; all others are of AWS only.
_SHARED = {
    "provider",
    "endpoint_url",
    "names",
    "state",
    "purpose",
    "spec",
    "usage",
    "enabled",
    "cancel_deletion",
    "policy",
    "node_principals",
    "rotation",
    "rotation_period",
    "in_use_by",
    "force",
    "probe",
    "wait_timeout",
    "source",
    "fingerprint",
}


def of(params: t.Mapping[str, t.Any]) -> str:
    return params.get("provider") or AWS


def refuse_foreign(params: t.Mapping[str, t.Any], spec: t.Mapping[str, t.Mapping[str, t.Any]]) -> None:
    """Raise CantonError when options of the other provider are set, which would have no effect."""
    provider = of(params)
    theirs = _ONLY_GCP if provider == AWS else set(spec) - _ONLY_GCP - _SHARED
    given = sorted(name for name in theirs & set(spec) if params.get(name) not in (None, spec[name].get("default")))
    if provider == AWS and params.get("spec") == "ec_curve25519":
        raise CantonError(
            "Canton can't use Ed25519 keys of AWS KMS",
            error_id="key_spec_unfit",
            hint="Leave spec out, or choose ec_p256. In GCP KMS, Canton signs with Ed25519 from 3.4.4 on.",
        )
    if given:
        other = AWS if provider == GCP else GCP
        raise CantonError(
            f"{', '.join(given)} {'is an option' if len(given) == 1 else 'are options'} of {LABELS[other]}, but the provider is "
            f"{provider}",
            error_id="option_unfit",
            hint=f"Leave {'it' if len(given) == 1 else 'them'} out, or set provider to {other}.",
        )


def check_later() -> None:
    """For ``run_plain``: which libraries are needed is known only with the options, and ``connect`` of each provider checks them."""
