# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The event format of ledger API reads: whose contracts, of which templates, with or without blob
(docs/canton/ledger-api.md#event-format)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sandbox.daml.contracts import Contract
from sandbox.node.ledger_errors import invalid_argument, missing_field
from sandbox.wire.errors import CantonError


@dataclass(frozen=True)
class Visible:
    """How a contract shows: to which of the asked parties (empty: all its stakeholders), with its blob or without."""

    witnesses: frozenset[str]
    with_blob: bool


@dataclass(frozen=True)
class _Rule:
    """One filter: a template as (package id or `#name`, module, entity), or None for every template."""

    template: tuple[str, str, str] | None
    with_blob: bool

    def matches(self, contract: Contract) -> bool:
        if self.template is None:
            return True
        package, module, entity = self.template
        packages = (contract.package_id, f"#{contract.package_name}")
        return package in packages and (module, entity) == (contract.module, contract.entity)


class EventFilter:
    """What an EventFormat, or a TransactionFilter of ledger API v1, asks for. Raises MISSING_FIELD or INVALID_ARGUMENT when it asks for nothing."""

    def __init__(self, event_format: Any) -> None:
        self._by_party = {party: _rules(f) for party, f in sorted(event_format.filters_by_party.items())}
        fields = event_format.DESCRIPTOR.fields_by_name
        has_any = "filters_for_any_party" in fields and event_format.HasField("filters_for_any_party")
        self._any_party = _rules(event_format.filters_for_any_party) if has_any else None
        if not self._by_party and self._any_party is None:
            raise invalid_argument("filtersByParty and filtersForAnyParty cannot be empty simultaneously")

    def visible(self, contract: Contract) -> Visible | None:
        """None when the contract is not asked for."""
        hits: list[_Rule] = [rule for rule in self._any_party or [] if rule.matches(contract)]
        seen_by_all = bool(hits)
        witnesses = set()
        for party in contract.stakeholders:
            matching = [rule for rule in self._by_party.get(party, []) if rule.matches(contract)]
            if matching:
                witnesses.add(party)
                hits += matching
        if not hits:
            return None
        return Visible(frozenset() if seen_by_all else frozenset(witnesses), any(rule.with_blob for rule in hits))

    def text(self) -> str:
        """As it stands in the metadata of errors (docs/canton/ledger-api.md#event-format)."""
        parts = [f"{party}: {_text(rules)}" for party, rules in self._by_party.items()]
        if self._any_party is not None:
            parts.append(f"any-party: {_text(self._any_party)}")
        return "{" + ", ".join(parts) + "}"


def required(event_format: Any, present: bool) -> EventFilter:
    """The filter of a mandatory event_format field."""
    if not present:
        raise missing_field("event_format")
    return EventFilter(event_format)


def _rules(filters: Any) -> list[_Rule]:
    """No filter at all means every template, without blobs."""
    if "inclusive" in filters.DESCRIPTOR.fields_by_name:
        return _rules_v1(filters.inclusive)
    return [_rule(each) for each in filters.cumulative] or [_Rule(None, False)]


def _rules_v1(inclusive: Any) -> list[_Rule]:
    """Ledger API v1 (docs/canton/canton-2.md#ledger-api-version-1)."""
    for each in inclusive.interface_filters:
        raise _no_interface(each.interface_id)
    rules = [_Rule(_key(name), False) for name in inclusive.template_ids]
    rules += [_Rule(_key(each.template_id), each.include_created_event_blob) for each in inclusive.template_filters]
    return rules or [_Rule(None, False)]


def _key(identifier: Any) -> tuple[str, str, str]:
    return (identifier.package_id, identifier.module_name, identifier.entity_name)


def _no_interface(name: Any) -> CantonError:
    return CantonError(
        "TEMPLATES_OR_INTERFACES_NOT_FOUND",
        f"Templates do not exist: []. Interfaces do not exist: [{name.package_id}:{name.module_name}:"
        f"{name.entity_name}].",
    )


def _rule(cumulative: Any) -> _Rule:
    kind = cumulative.WhichOneof("identifier_filter")
    if kind == "interface_filter":
        raise _no_interface(cumulative.interface_filter.interface_id)
    if kind == "template_filter":
        key = _key(cumulative.template_filter.template_id)
        return _Rule(key, cumulative.template_filter.include_created_event_blob)
    return _Rule(None, cumulative.wildcard_filter.include_created_event_blob)


def _text(rules: list[_Rule]) -> str:
    templates = ", ".join(":".join(rule.template) for rule in rules if rule.template)
    everything = "all-templates, " if any(rule.template is None for rule in rules) else ""
    blob = str(any(rule.with_blob for rule in rules)).lower()
    return f"{{templates: [{templates}], interfaces: [], {everything}created_event_blob: {blob}}}"
