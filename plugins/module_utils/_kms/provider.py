# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The only place that knows all providers: which one a task is about, and the options of their connections.

Loads no library of any of them.
"""

from __future__ import annotations

import typing as t

from .._errors import CantonError
from .aws import options as aws_options
from .aws.provider import AwsProvider
from .gcp import options as gcp_options
from .gcp.provider import GcpProvider
from .interface import Provider
from .model import Params

PROVIDERS: dict[str, Provider] = {each.name: each for each in (AwsProvider(), GcpProvider())}
DEFAULT = AwsProvider.name

CONNECTION_SPEC: dict[str, dict[str, t.Any]] = {
    "provider": {"type": "str", "choices": list(PROVIDERS), "default": DEFAULT},
    "endpoint_url": {"type": "str"},
    **aws_options.CONNECTION_SPEC,
    **gcp_options.CONNECTION_SPEC,
}
RING_REQUIRED = ("provider", "gcp", gcp_options.RING)
KEY_REQUIRED = ("provider", "gcp", (*gcp_options.RING, "name"))
KEY_SPEC: dict[str, dict[str, t.Any]] = {**aws_options.KEY_SPEC, **gcp_options.KEY_SPEC}
KEEPING_SPEC: dict[str, dict[str, t.Any]] = {**aws_options.KEEPING_SPEC, **gcp_options.KEEPING_SPEC}


def rules(
    *required_if: tuple[t.Any, ...],
    mutually_exclusive: t.Sequence[tuple[str, ...]] = (),
    **required_by: tuple[str, ...],
) -> dict[str, t.Any]:
    """The rules on the options of a connection, and those that a module adds."""
    return {
        "required_together": aws_options.REQUIRED_TOGETHER,
        "required_by": {**aws_options.REQUIRED_BY, **required_by},
        "required_if": list(required_if),
        "mutually_exclusive": [*aws_options.MUTUALLY_EXCLUSIVE, *mutually_exclusive],
    }


def of(params: Params, spec: t.Mapping[str, t.Mapping[str, t.Any]]) -> Provider:
    """The provider that the options name. Raises CantonError when options of another one are set, which would have no effect."""
    provider = PROVIDERS[params.get("provider") or DEFAULT]
    for other in PROVIDERS.values():
        theirs = set(other.options) & set(spec) if other is not provider else ()
        given = sorted(name for name in theirs if params.get(name) not in (None, spec[name].get("default")))
        if given:
            raise CantonError(
                f"{', '.join(given)} {'is an option' if len(given) == 1 else 'are options'} of {other.name.upper()}, but the "
                f"provider is {provider.name}",
                error_id="option_unfit",
                hint=f"Leave {'it' if len(given) == 1 else 'them'} out, or set provider to {other.name}.",
            )
    return provider


def check_later() -> None:
    """For ``run_plain``: which libraries are needed depends on the options, so each provider checks when it connects."""
