# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the services of the ledger API share: argument errors, update masks, pages."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from sandbox.wire.errors import CantonError

ANNOTATIONS_BYTES = 256 * 1024

_T = TypeVar("_T")


def invalid_argument(text: str, correlation: str | None = None, metadata: dict[str, str] | None = None) -> CantonError:
    return CantonError(
        "INVALID_ARGUMENT", f"The submitted request has invalid arguments: {text}", metadata, correlation=correlation
    )


def missing_field(name: str) -> CantonError:
    return CantonError(
        "MISSING_FIELD", f"The submitted command is missing a mandatory field: {name}", {"field_name": name}
    )


def invalid_field(name: str, text: str) -> CantonError:
    return CantonError(
        "INVALID_FIELD",
        f"The submitted command has a field with invalid value: Invalid field {name}: {text}",
        {"field_name": name},
    )


def update_paths(mask: Any, allowed: Sequence[str], error_id: str) -> set[str]:
    """The leaf paths of a field mask. A message stands for all its leaves; an empty mask or an unknown path is an error
    of the given id."""
    if not mask.paths:
        raise CantonError(error_id, "Update operation failed: The update mask contains no entries")
    leaves: set[str] = set()
    for path in mask.paths:
        hits = {leaf for leaf in allowed if leaf == path or leaf.startswith(path + ".")}
        if not hits:
            raise CantonError(
                error_id, f"Update operation failed: The update path: '{path}' points to an unknown field."
            )
        leaves |= hits
    return leaves


def merge_annotations(old: dict[str, str], new: Iterable[tuple[str, str]]) -> dict[str, str]:
    """New keys are added, given ones replaced, and those given without a value removed."""
    merged = {**old, **dict(new)}
    return {key: value for key, value in merged.items() if value}


def annotations_size(annotations: dict[str, str]) -> int:
    return sum(len(key.encode()) + len(value.encode()) for key, value in annotations.items())


def page(items: Sequence[_T], key: Callable[[_T], str], size: int, token: str, maximum: int) -> tuple[list[_T], str]:
    """One page of items that are sorted by key, and the token of the next one ("" on the last)."""
    if size < 0:
        raise invalid_argument("Page size must be non-negative")
    if size > maximum:
        raise invalid_argument(f"Page size must not exceed the server's maximum of {maximum}")
    after = _decode_token(token)
    rest = [item for item in items if not token or key(item) > after]
    chosen = rest[: size or maximum]
    if len(chosen) == len(rest):
        return chosen, ""
    return chosen, base64.urlsafe_b64encode(key(chosen[-1]).encode()).decode()


def _decode_token(token: str) -> str:
    try:
        return base64.urlsafe_b64decode(token.encode()).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise invalid_argument("invalid page token") from error
