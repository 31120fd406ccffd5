# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which keys a KMS has, for ``kms_key_info``. Knows no provider."""

from __future__ import annotations

import typing as t

from .._outcome import Outcome
from .errors import PermissionDenied
from .interface import Keys, OneKey
from .model import Key


def read_keys(keys: Keys[OneKey], names: t.Sequence[str] | None, tags: t.Mapping[str, t.Any]) -> Outcome:
    """The keys of these names, or all customer's keys, that have all of these tags."""
    texts = {str(name): str(value) for name, value in tags.items()}
    chosen: list[OneKey] = []
    others: list[OneKey] = []
    missing: list[str] = []
    warnings: list[str] = []
    for name in keys.names() if names is None else names:
        try:
            key = keys.find(name)
        except PermissionDenied as exc:
            if names is not None:
                raise
            warnings.append(f"{keys.full_name(name)} is left out. {exc}")
            continue
        if key is None:
            missing.append(name)
        elif names is not None or not key.managed_by_provider:
            if texts.items() <= (key.tags or {}).items():
                chosen.append(keys.with_details(key))
            else:
                others.append(key)
    result: dict[str, t.Any] = {
        "keys": [key.as_result() for key in chosen],
        "missing": [] if names is None else missing,
    }
    return Outcome(result=result, warnings=[*warnings, *grouped_notes([*chosen, *others])])


def grouped_notes(found: t.Iterable[Key]) -> list[str]:
    """The notes on the keys, each once: a permission that is missing for one key is missing for most others."""
    named: dict[str, list[str]] = {}
    for key in found:
        for note in key.notes:
            named.setdefault(note.replace(str(key.full_name), "{}"), []).append(str(key.full_name))
    return [text.format(each[0] if len(each) == 1 else f"{len(each)} keys") for text, each in named.items()]
