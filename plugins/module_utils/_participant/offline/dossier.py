# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The dossier: the state of one participant in one file, for hosts that cannot reach the participant.

A zip file with ``dossier.json``, ``contracts.jsonl`` (a contract a line: the values of an ``ActiveContract``
in order) and ``dars/<main package id>``. It has public keys only, no payloads and no tokens.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import time
import typing as t
import zipfile
from contextlib import contextmanager

from ..._errors import CantonError, DarWithoutContent
from ..._files import file_error, private_file, stamp
from ..contracts.tally import IdDigest
from ..model.entities import AUTHORIZED, ActiveContract, Dar, Offset
from ..model.ids import namespace_of
from ..model.interface import Reader

VERSION = 2
SECTIONS = ("keys", "topology", "packages", "dar_files", "users", "contracts")
CONTRACT_FIELDS = tuple(item.name for item in dataclasses.fields(ActiveContract))
MAIN, CONTRACTS, DARS = "dossier.json", "contracts.jsonl", "dars/"

Values = dict[str, t.Any]


@dataclasses.dataclass(frozen=True)
class Dossier:
    """A dossier without its contracts and DAR files.

    ``content`` has a key for each section that was read, and ``identity``, ``node`` and ``synchronizers``; ``observed`` has what
    changes between two reads of an idle participant, or holds only for the moment.
    """

    content: Values
    observed: Values
    version: int = VERSION

    @property
    def uid(self) -> str:
        return str(self.content["identity"]["uid"])


def plain(value: t.Any) -> t.Any:
    """An entity as JSON values; sets get an order."""
    if dataclasses.is_dataclass(value):
        return {item.name: plain(getattr(value, item.name)) for item in dataclasses.fields(value)}
    if isinstance(value, (set, frozenset)):
        return sorted((plain(item) for item in value), key=_text)
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


def built(kind: t.Any, value: t.Any) -> t.Any:
    """The inverse of ``plain``: a value of type ``kind``."""
    origin = t.get_origin(kind)
    if dataclasses.is_dataclass(kind):
        hints = t.get_type_hints(kind)
        return t.cast("t.Any", kind)(**{name: built(hints[name], item) for name, item in value.items()})
    if origin in (list, tuple, set, frozenset):
        return origin(built(t.get_args(kind)[0], item) for item in value)
    return base64.b64decode(value) if kind is bytes else value


def _text(value: t.Any) -> str:
    return json.dumps(value, sort_keys=True)


def _unordered(value: t.Any) -> t.Any:
    """Lists with the same items are equal: nodes keep no order."""
    if isinstance(value, dict):
        return {name: _unordered(item) for name, item in value.items()}
    return sorted((_unordered(item) for item in value), key=_text) if isinstance(value, list) else value


def read(participant: Reader, sections: t.Collection[str], namespaces: t.Collection[str]) -> Dossier:
    """Everything in ``sections`` except contracts and DAR files. Of a node that is not ready only its identity."""
    identity = participant.identity()
    flags = {
        "MAJOR": participant.major,
        "SHOWS_KMS_KEYS": participant.reports_kms_keys,
        "SHOWS_SYNCHRONIZERS_OF_CONTRACTS": participant.reports_synchronizer_of_contracts,
        "HOSTS_OFFLINE": participant.hosts_offline,
        "REPLACES_HOSTS": not participant.one_mapping_per_host,
    }
    content: Values = {
        "identity": plain(identity),
        "node": {"flags": flags, "has_ledger": participant.has_ledger},
        "synchronizers": [],
    }
    observed: Values = {"read_at": stamp()}
    if not (identity.initialized and identity.active):
        return Dossier(content, observed)
    known = participant.synchronizers(health=True)
    stores = sorted({item.id for item in known if item.id})
    content["synchronizers"] = [
        {
            "synchronizer": plain(item),
            "protocol_version": participant.protocol_version(item),
            "written_for": participant.written_for(item),
        }
        for item in known
    ]
    content["node"].update(
        proof_stores={store: participant.hosting_store(store) for store in stores},
        pruning_schedule=participant.pruning_schedule(),
        in_memory=participant.in_memory(),
    )
    observed["in_flight"] = {store: participant.in_flight(store) for store in stores}
    observed["ahead"] = {item.id: _ahead(participant, item.id) for item in known if item.connected and item.id}
    if participant.has_ledger:
        observed["ledger_end"] = participant.ledger_end()
    if participant.hosts_offline:
        stores.append(AUTHORIZED)
    readers: dict[str, t.Callable[[], Values]] = {
        "keys": lambda: {"own": plain(participant.own_keys())},
        "topology": lambda: _topology(participant, identity.uid, stores, namespaces),
        "packages": lambda: _packages(participant, identity.uid, stores),
        "users": lambda: _users(participant),
    }
    content.update({name: reader() for name, reader in readers.items() if name in sections})
    return Dossier(content, observed)


def _ahead(participant: Reader, synchronizer: str) -> float | None:
    """Seconds by which the last seen time of a synchronizer is ahead of the clock of this host."""
    seen = participant.last_time(synchronizer)
    return None if seen is None else seen - time.time()


def _topology(participant: Reader, uid: str, stores: t.Sequence[str], requested: t.Collection[str]) -> Values:
    """The hostings of this participant, and the delegations of their namespaces, of its own and of the requested ones.

    An external party is a namespace of its own, with nothing to delegate.
    """
    hostings = {store: participant.hostings(store, uid) for store in stores}
    namespaces = {namespace_of(uid), *requested}
    for items in hostings.values():
        namespaces |= {namespace_of(item.party) for item in items if not item.signing_keys}
    everywhere = sorted({*stores, AUTHORIZED})

    def of_each(look: t.Callable[[str, str], t.Any]) -> Values:
        return {store: {each: plain(look(store, each)) for each in sorted(namespaces)} for store in everywhere}

    return {
        "hostings": plain(hostings),
        "decentralized": {store: plain(participant.decentralized_namespaces(store)) for store in stores},
        "delegations": of_each(participant.delegations),
        "signed": of_each(participant.signed_delegations),
        "removed": of_each(lambda store, each: participant.signed_delegations(store, each, removed=True)),
    }


def _packages(participant: Reader, uid: str, stores: t.Sequence[str]) -> Values:
    return {
        "dars": [
            {"dar": plain(dar), "packages": plain(participant.dar_packages(dar.main))} for dar in participant.dars()
        ],
        "stored": participant.packages(),
        "vetted": {store: plain(participant.vettings(store, uid)) for store in stores},
    }


def _users(participant: Reader) -> Values:
    providers = participant.identity_providers()
    ids = ["", *(item.id for item in providers)]
    return {
        "providers": plain(providers),
        "users": {each: plain(participant.users(each)) for each in ids},
        "local_parties": {each: plain(participant.local_parties(each)) for each in ids},
        "knows_authentication": participant.knows_authentication(),
    }


def _parties(participant: Reader, dossier: Dossier) -> set[str]:
    """All parties whose contracts the ledger API shows: the local ones of every provider, and the participant's own party."""
    found = {dossier.uid}
    for provider in ["", *(item.id for item in participant.identity_providers())]:
        found |= {item.party for item in participant.local_parties(provider) if item.is_local}
    return found


def _lines(participant: Reader, dossier: Dossier, digest: IdDigest) -> t.Iterator[bytes]:
    for item in participant.active_contracts(_parties(participant, dossier), dossier.observed["ledger_end"]):
        line = json.dumps([plain(getattr(item, name)) for name in CONTRACT_FIELDS])
        digest.add(line)
        yield line.encode() + b"\n"


def contract_of(line: bytes) -> ActiveContract:
    values: list[t.Any] = [frozenset(value) if isinstance(value, list) else value for value in json.loads(line)]
    if len(values) != len(CONTRACT_FIELDS):
        raise ValueError(f"a contract has {len(values)} values")
    return ActiveContract(*values)


def look(participant: Reader, sections: t.Collection[str], namespaces: t.Collection[str]) -> Dossier:
    """The dossier that ``write`` would write."""
    dossier = read(participant, sections, namespaces)
    if "contracts" not in sections or not dossier.content["synchronizers"]:
        return dossier
    digest = IdDigest()
    for _line in _lines(participant, dossier, digest):
        pass
    return _with_contracts(dossier, digest)


def write(path: str, participant: Reader, sections: t.Collection[str], namespaces: t.Collection[str]) -> Dossier:
    """Read a participant into ``path``, which appears only when it is complete."""
    dossier = read(participant, sections, namespaces)
    serves = bool(dossier.content["synchronizers"])
    with private_file(path) as handle, zipfile.ZipFile(handle, "w", zipfile.ZIP_DEFLATED) as archive:
        if serves and "contracts" in sections:
            digest = IdDigest()
            with archive.open(_entry(CONTRACTS), "w", force_zip64=True) as out:
                for line in _lines(participant, dossier, digest):
                    out.write(line)
            dossier = _with_contracts(dossier, digest)
        if serves and "dar_files" in sections:
            dossier.content["dar_files"] = _write_dars(participant, archive)
        archive.writestr(_entry(MAIN), _text(dataclasses.asdict(dossier)))
    return dossier


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name)
    entry.compress_type = zipfile.ZIP_DEFLATED
    return entry


def _with_contracts(dossier: Dossier, digest: IdDigest) -> Dossier:
    content = {**dossier.content, "contracts": {"active": digest.count, "digest": digest.value}}
    return dataclasses.replace(dossier, content=content)


def _write_dars(participant: Reader, archive: zipfile.ZipFile) -> Values:
    """The files of the DARs that can be copied, by main package; the reason where a node has none (Canton 2)."""
    lacking = {}
    for dar in participant.dars():
        if dar.builtin:
            continue
        try:
            payload = participant.download_dar(dar.main)
        except DarWithoutContent as exc:
            lacking[dar.main] = exc.message
            continue
        archive.writestr(zipfile.ZipInfo(DARS + dar.main), payload)
    return {"lacking": lacking}


def load(path: str) -> Dossier:
    """Read and check the main part of a dossier; raises when it is missing or unusable."""
    with opened(path) as archive:
        values = json.loads(archive.read(MAIN))
        if values["version"] != VERSION:
            raise DossierUnreadable(path, f"its version is {values['version']}, not {VERSION}")
        return Dossier(**values)


@contextmanager
def opened(path: str, why: str = "it is damaged, or not a dossier") -> t.Iterator[zipfile.ZipFile]:
    """The file for reading; ``why`` is the reason in the error. A damaged zip file raises exceptions of many types."""
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except CantonError:
        raise
    except FileNotFoundError as exc:
        raise DossierMissing(
            f"There is no dossier {path} on the host that runs the module",
            hint="Write it with ledgerops.canton.participant_dossier on a host that reaches its participant, and copy it to this host.",
        ) from exc
    except PermissionError as exc:
        raise file_error(path, "read", exc) from exc
    except Exception as exc:
        raise DossierUnreadable(path, why) from exc


class DossierMissing(CantonError):
    ID = "dossier_missing"


class DossierUnreadable(CantonError):
    ID = "dossier_unreadable"

    def __init__(self, path: str, why: str) -> None:
        super().__init__(
            f"The dossier {path} cannot be used: {why}",
            hint="Write it again with the participant_dossier of this release of the collection, and copy it again.",
        )


def existing(path: str) -> Dossier | None:
    """The existing dossier; a damaged one counts as missing."""
    try:
        return load(path)
    except (DossierMissing, DossierUnreadable):
        return None


def refuse_another(path: str, found: Dossier, uid: str) -> None:
    if found.uid != uid:
        raise CantonError(
            f"The dossier {path} is of {found.uid}, not of {uid}",
            error_id="dossier_of_another",
            hint="Use one path for each participant, and delete a dossier that is no longer needed.",
        )


def summary(dossier: Dossier | None) -> dict[str, object]:
    """Number and digest of each part, by which two reads are compared. DAR files follow the list of DARs."""
    if dossier is None:
        return {}
    shown: dict[str, object] = {}
    for name, part in dossier.content.items():
        text = _text(_unordered(part))
        shown[name] = part if name == "contracts" else hashlib.sha256(text.encode()).hexdigest()[:16]
    shown.pop("dar_files", None)
    return shown


def numbers(dossier: Dossier) -> dict[str, object]:
    """The numbers of a dossier for people, as far as they were read."""
    content = dossier.content
    found: dict[str, object] = {}
    if "topology" in content:
        hosted = {item["party"] for items in content["topology"]["hostings"].values() for item in items}
        found["parties"] = len(hosted - {dossier.uid})
    if "packages" in content:
        dars = [t.cast("Dar", built(Dar, item["dar"])) for item in content["packages"]["dars"]]
        found["dars"] = sum(not dar.builtin for dar in dars)
    if "users" in content:
        found["users"] = sum(len(items) for items in content["users"]["users"].values())
    if "contracts" in content:
        found["contracts"] = content["contracts"]["active"]
    return found


def ledger_end(dossier: Dossier) -> Offset | None:
    return t.cast("Offset | None", dossier.observed.get("ledger_end"))


def connected(dossier: Dossier) -> list[str]:
    found = (item["synchronizer"] for item in dossier.content["synchronizers"])
    return sorted(item["alias"] for item in found if item["connected"])
