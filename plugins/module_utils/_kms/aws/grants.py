# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Grants of a key: which are desired, and which have to be given or revoked. Speaks to no KMS."""

from __future__ import annotations

import typing as t

from ..._errors import CantonError
from ..model import SIGN
from .model import Grant

_ALWAYS = ("CreateGrant", "DescribeKey", "RetireGrant")
_SEALING = ("Decrypt", "Encrypt", "ReEncryptFrom", "ReEncryptTo")
_DATA_KEYS = (
    "GenerateDataKey",
    "GenerateDataKeyPair",
    "GenerateDataKeyPairWithoutPlaintext",
    "GenerateDataKeyWithoutPlaintext",
)
# What a grant can give for each kind of key that Canton has a use for
_SIGNING = ("GetPublicKey", "Sign", "Verify", *_ALWAYS)
_ENCRYPTION = ("GetPublicKey", *_SEALING, *_ALWAYS)
_SYMMETRIC = (*_SEALING, *_DATA_KEYS, *_ALWAYS)
OPERATIONS = sorted({*_SIGNING, *_ENCRYPTION, *_SYMMETRIC})


def desired_grants(options: t.Sequence[t.Mapping[str, t.Any]]) -> tuple[Grant, ...]:
    """The grants that the option ``grants`` describes. Raises CantonError for a name that is there twice."""
    found = []
    for option in options:
        constraints = {
            name: {str(key): str(value) for key, value in context.items()}
            for name, context in (option["constraints"] or {}).items()
            if context
        }
        operations = tuple(sorted(set(option["operations"])))
        found.append(
            Grant(
                option["name"],
                option["grantee_principal"],
                operations,
                option["retiring_principal"] or None,
                constraints,
            )
        )
    names = [grant.name for grant in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise CantonError(
            f"grants has more than one of the name {', '.join(twice)}", "value_invalid", "Give each grant its own name."
        )
    return tuple(found)


def check_fit(grants: t.Iterable[Grant], spec: str, usage: str) -> None:
    """Raise CantonError for what AWS would refuse for this kind of key."""
    fit = _SIGNING if usage == SIGN else _SYMMETRIC if spec == "symmetric" else _ENCRYPTION
    for grant in grants:
        unfit = sorted(set(grant.operations) - set(fit))
        if unfit:
            raise CantonError(
                f"Grant {grant.name} can't give {', '.join(unfit)} for a key of spec {spec} and usage {usage}",
                error_id="grant_unfit",
                hint=f"Such a key supports {', '.join(sorted(fit))}.",
            )
        if grant.constraints and spec != "symmetric":
            raise CantonError(
                f"Grant {grant.name} has constraints, which AWS KMS supports for symmetric keys only",
                error_id="grant_unfit",
                hint="Leave its constraints out.",
            )


def planned(there: t.Sequence[Grant], desired: t.Sequence[Grant], *, purge: bool) -> tuple[Grant, ...]:
    """The grants as they should be: those of other names stay unless they are purged. A grant itself never changes."""
    names = {grant.name for grant in desired}
    return (*desired, *(() if purge else (grant for grant in there if grant.name not in names)))


def unwanted(there: t.Sequence[Grant], plan: t.Sequence[Grant]) -> list[Grant]:
    """Those to revoke."""
    return [grant for grant in there if grant not in plan]
