# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of one host, made on the controller from the results of the role's tasks.

The document is the public JSON of ``docs/pipelines.md``; the pages are rendered from it and know nothing else. It holds ids, numbers,
digests and public fingerprints: never a payload, a token or a private key.
"""

from __future__ import annotations

import datetime
import typing as t

SCHEMA = 1
# what a run has reached, and so its last phase
_REACHED = {
    "can_migrate": "preflight",
    "prepared": "prepare",
    "interrupted": "cutover",
    "moved": "cutover",
    "migrated": "verify",
    "rolled_back": "rollback",
    "retired": "retire",
}
STATUSES = (*_REACHED, "refused", "failed", "stopped", "running", "no_result")
# the meaning of the last of these events when this run itself reports nothing
_AFTER = {
    "prepared": "prepared",
    "cutover": "interrupted",
    "connected": "moved",
    "verified": "migrated",
    "rollback": "interrupted",
    "rolled_back": "rolled_back",
    "retired": "retired",
}
# the largest number of ids that a line of the proof names
_NAMED = 5

Facts = t.Mapping[str, t.Any]
Document = dict[str, t.Any]


def document(facts: Facts) -> Document:
    """The report of one host.

    ``facts`` (all but host, name and at may be missing or empty): status, stopped, failure {phase, task, message, error_id, hint},
    direction, journal, synchronizers, source and target (identities), check (participant_migration_info), result
    (``kms_migration_result``), inventory (participant_info of the target: keys, parties, packages, users), events, and what verify
    registered: contracts, delegation, hosted, packages, users, pong.
    """
    failure = dict(facts.get("failure") or {})
    events = _timeline([*(facts.get("events") or []), *_of_the_transfer(facts.get("contracts") or {})])
    status = _status(facts, failure, events)
    check, inventory = facts.get("check") or {}, facts.get("inventory") or {}
    findings = [dict(finding) for finding in check.get("findings") or []]
    result = facts.get("result") or {}
    contracts = facts.get("contracts") or {}
    delegation = facts.get("delegation") or {}
    return {
        "schema": SCHEMA,
        "host": facts["host"],
        "name": facts["name"],
        "at": iso(facts["at"]),
        "status": status,
        "phase": failure.get("phase") or _REACHED.get(status, ""),
        "summary": _summary(status, facts, failure),
        "error": _error(failure) if failure else None,
        "direction": facts.get("direction") or "to_kms",
        "source": _participant(facts, "source"),
        "target": _participant(facts, "target"),
        "synchronizers": dict(facts.get("synchronizers") or {}),
        "namespace": delegation.get("namespace") or result.get("namespace") or "",
        "delegated_to": delegation.get("target_key") or result.get("delegated_to") or "",
        "keys": [_key(key) for key in inventory.get("keys") or []],
        "parties": _parties(facts, contracts, inventory),
        "contracts": contracts.get("contracts"),
        "digest": contracts.get("digest") or "",
        "packages": _packages(inventory),
        "users": _users(facts, inventory),
        "rights_left_out": dict((facts.get("users") or {}).get("left_out") or {}),
        "counterparties": list(
            contracts.get("counterparties") or (check.get("plan") or {}).get("counterparties") or []
        ),
        "plan": dict(check.get("plan") or {}),
        "timeline": events,
        "downtime_seconds": _downtime(events),
        "proof": _proof(facts),
        "warnings": _sentences(findings, "warning") + list(facts.get("warnings") or []),
        "findings": findings,
        "by_hand": _by_hand(status, facts, failure),
    }


def _status(facts: Facts, failure: Facts, events: t.Sequence[Facts]) -> str:
    if facts.get("status"):
        return str(facts["status"])
    if failure:
        refused = failure.get("phase") == "preflight" and (facts.get("check") or {}).get("can_migrate") is False
        return "refused" if refused else "failed"
    if facts.get("stopped"):
        return "stopped"
    known = [_AFTER[event["event"]] for event in events if event["event"] in _AFTER]
    after = known[-1] if known else ""
    if facts.get("result") and after != "retired":
        return "migrated"
    # every phase except preflight reads the situation
    if after or facts.get("source"):
        return after or "prepared"
    return "can_migrate" if (facts.get("check") or {}).get("can_migrate") else "no_result"


def _error(failure: Facts) -> Document:
    return {key: str(failure.get(key) or "") for key in ("task", "message", "error_id", "hint")}


def _participant(facts: Facts, side: str) -> dict[str, str]:
    identity = facts.get(side) or {}
    planned = ((facts.get("check") or {}).get("plan") or {}).get(side)
    return {"uid": str(identity.get("uid") or planned or ""), "version": str(identity.get("version") or "")}


def _key(key: Facts) -> dict[str, str]:
    return {name: str(key.get(name) or "") for name in ("name", "purpose", "spec", "fingerprint", "kms_key_id")}


def _parties(facts: Facts, contracts: Facts, inventory: Facts) -> list[Document]:
    """The moved ones: those that the proof of the contracts names."""
    alias = (facts.get("synchronizers") or {}).get("target")
    hosted = {item["party"]: item["permission"] for item in (inventory.get("parties") or {}).get(alias) or []}
    return [
        {
            "party": party,
            "permission": hosted.get(party, ""),
            "contracts": found.get("contracts"),
            "digest": found.get("digest", ""),
        }
        for party, found in sorted((contracts.get("parties") or {}).items())
    ]


def _packages(inventory: Facts) -> Document:
    found = inventory.get("packages") or {}
    dars = [{key: dar.get(key, "") for key in ("name", "version", "main")} for dar in found.get("dars") or []]
    return {"dars": dars, "stored": found.get("stored"), "vetted": dict(found.get("vetted") or {})}


def _users(facts: Facts, inventory: Facts) -> list[Document]:
    """The copied ones, with the number of rights that the target shows."""
    copied = set((facts.get("users") or {}).get("users") or [])
    shown = [user for user in inventory.get("users") or [] if user["id"] in copied]
    return [{"id": user["id"], "rights": len(user.get("rights") or [])} for user in shown]


def _moment(at: str) -> float:
    return datetime.datetime.fromisoformat(at.replace("Z", "+00:00")).timestamp()


def iso(at: str | float) -> str:
    """UTC with milliseconds; also of seconds since 1970, as the role's own notes have them."""
    seconds = _moment(at) if isinstance(at, str) else at
    moment = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _of_the_transfer(contracts: Facts) -> t.Iterator[Facts]:
    """What the snapshot itself says of its times."""
    for event in ("exported", "imported"):
        if contracts.get(f"{event}_at"):
            yield {"event": event, "at": contracts[f"{event}_at"]}


def _timeline(events: t.Sequence[Facts]) -> list[Document]:
    """In order, with the seconds since the event before."""
    dated = [(iso(event["at"]), str(event["event"])) for event in events]
    ordered = sorted(dated, key=lambda each: _moment(each[0]))
    before = [*ordered[:1], *ordered]
    return [
        {"event": event, "at": at, "seconds": round(_moment(at) - _moment(last), 3)}
        for (last, _event), (at, event) in zip(before, ordered)
    ]


def _downtime(events: t.Sequence[Facts]) -> float | None:
    """Seconds from the last beginning of a cutover to the target's connection after it."""
    begun = None
    seconds = None
    for event in events:
        if event["event"] == "cutover":
            begun, seconds = _moment(event["at"]), None
        elif event["event"] == "connected" and begun is not None and seconds is None:
            seconds = round(_moment(event["at"]) - begun, 1)
    return seconds


def _proof(facts: Facts) -> list[Document]:
    """What verify compared: nothing is listed that was not compared in this run."""
    return [*_proof_of_contracts(facts), *_proof_of_the_rest(facts)]


def _proof_of_contracts(facts: Facts) -> t.Iterator[Document]:
    contracts = facts.get("contracts") or {}
    # the module ends only when they are equal
    if contracts.get("digest"):
        yield _line(
            "Contracts", f"{_count(contracts['contracts'], 'contract id')}, digest {contracts['digest']}", equal=True
        )
        yield _line(
            "Contracts per party",
            f"number and digest, {_count(len(contracts.get('parties') or {}), 'party')}",
            equal=True,
        )


def _proof_of_the_rest(facts: Facts) -> t.Iterator[Document]:
    delegation, hosted = facts.get("delegation") or {}, facts.get("hosted") or {}
    packages, users, pong = (facts.get(name) or {} for name in ("packages", "users", "pong"))
    if delegation.get("delegation"):
        places = [place for place, there in delegation["delegation"].items() if there]
        yield _line(
            "Delegation",
            f"found in the store of: {', '.join(places) or 'no participant'}",
            not delegation.get("changed"),
        )
    if "parties" in hosted:
        missing = hosted.get("hosted") or []
        text = f"{_count(len(hosted['parties']), 'party')} hosted with the permission of the source"
        yield _line("Hosting", _lacking(text, missing), not hosted.get("changed"))
    if "vetted" in packages:
        missing = [*(packages.get("uploaded") or []), *(packages.get("vetted") or [])]
        yield _line(
            "Packages", _lacking("every DAR of the source is stored and vetted", missing), not packages.get("changed")
        )
    if "users" in users:
        missing = [*(users.get("created") or []), *(users.get("updated") or []), *(users.get("granted") or {})]
        text = f"{_count(len(users['users']), 'user')} with rights, identity providers and annotations"
        yield _line("Users", _lacking(text, missing), not users.get("changed"))
    if pong.get("millis") is not None:
        yield _line("Ping", f"the target transacted, answer after {pong['millis']} ms", equal=True)


def _line(what: str, compared: str, equal: bool) -> Document:
    return {"what": what, "compared": compared, "equal": equal}


def _lacking(text: str, missing: t.Sequence[str]) -> str:
    if not missing:
        return text
    more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
    return f"{text}; differs: {', '.join(missing[:_NAMED])}{more}"


def _count(number: int, noun: str) -> str:
    many = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{number} {noun if number == 1 else many}"


def _sentences(findings: t.Sequence[Facts], severity: str) -> list[str]:
    return [f"{each['message']}. {each['remedy']}" for each in findings if each["severity"] == severity]


def _summary(status: str, facts: Facts, failure: Facts) -> str:
    contracts = facts.get("contracts") or {}
    moved = "The target serves and was compared with the source."
    if contracts.get("digest"):
        moved = f"All contracts of {_count(len(contracts['parties']), 'party')} are on the target and were compared with what the source showed."
    texts = {
        "migrated": moved,
        "moved": "The contracts are on the target and it serves. Phase verify has not run yet.",
        "prepared": "The target has everything that can be copied while the source serves. The source still serves.",
        "can_migrate": "Preflight found no blocking finding. Nothing was changed.",
        "refused": "Preflight found blocking findings. Nothing was changed.",
        "failed": f"Phase {failure.get('phase') or 'unknown'} failed. {failure.get('consequence') or ''}".strip(),
        "interrupted": "The source was disconnected, and the target does not serve yet. Start the migration again, or roll it back.",
        "stopped": str(facts.get("stopped") or ""),
        "running": "It was started and has not reported its end: it is still running, was killed, or its host is unreachable.",
        "rolled_back": "The source serves again, and the migration was rolled back on the target.",
        "retired": "The target serves, and the source is disconnected permanently.",
    }
    return texts.get(status, "")


def _by_hand(status: str, facts: Facts, failure: Facts) -> list[str]:
    journal = str(facts.get("journal") or "the journal")
    keep = [
        "Take the old participant's root namespace key offline and keep it safe: it still controls the namespace, and only it can delegate again.",
        "Back up the database of the new participant.",
        f"Delete the snapshot in {journal} when the migration is accepted. It contains contract payloads in cleartext.",
    ]
    again = "Start the same playbook again: it resumes where it stopped."
    back = "Or roll it back with ledgerops.canton.rollback."
    texts: dict[str, list[str]] = {
        "migrated": [
            "Keep the old participant disconnected: two participants that share a namespace must never both serve.",
            "Retire it when the migration is accepted (playbook ledgerops.canton.retire).",
            *keep,
        ],
        "retired": ["Keep the old participant disconnected.", *keep],
        "moved": ["Verify the migration: --tags verify.", "Keep the old participant disconnected.", *keep],
        "prepared": ["Back up both databases.", "Continue with --tags cutover,verify or the whole playbook."],
        "can_migrate": ["Back up both databases.", "Start the migration."],
        "refused": [*_sentences((facts.get("check") or {}).get("findings") or [], "error")],
        "failed": [
            *([str(failure["hint"])] if failure.get("hint") else []),
            again,
            *([back] if failure.get("phase") == "cutover" else []),
        ],
        "interrupted": [again, back],
        "stopped": ["Remove what stopped the run, and start the same playbook again."],
        "running": ["If no run is in progress, start the same playbook again: it resumes where it stopped."],
        "rolled_back": ["Find out why it was rolled back before you start the migration again."],
    }
    return texts.get(status, [])
