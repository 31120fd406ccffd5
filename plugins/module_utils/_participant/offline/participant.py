# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A participant that this host cannot reach: its dossier returns what is read of it."""

from __future__ import annotations

import time
import typing as t

from ..._errors import CantonError, DarWithoutContent
from ..model.entities import (
    AUTHORIZED,
    ActiveContract,
    Dar,
    Delegation,
    Hosting,
    Identity,
    IdentityProvider,
    Key,
    LocalParty,
    Offset,
    SignedDelegation,
    Synchronizer,
    User,
    Vetting,
)
from ..model.interface import Participant
from . import dossier


class OfflineParticipant:
    """A ``Reader`` made of a dossier. What the dossier does not have is an error, never an empty answer."""

    def __init__(self, path: str, label: str, uid: str | None = None) -> None:
        """``uid``: the participant that has to be meant, when it is known."""
        self._path = path
        found = dossier.load(path)
        if uid:
            dossier.refuse_another(path, found, uid)
        self._content = found.content
        self._observed = found.observed
        self.read_at = str(found.observed["read_at"])
        self.label = f"{label} (dossier of {self.read_at})"

    def remember(self) -> None:
        """A dossier is of one moment."""

    def require_live(self, step: str) -> Participant:
        raise CantonError(
            f"The {self.label} is given as a dossier, but this step requires the participant itself ({step})",
            error_id="dossier_is_read_only",
            hint="Run this step on a host that reaches the participant, with endpoint instead of dossier.",
        )

    def _of(self, *keys: str) -> t.Any:
        value: t.Any = self._content
        for key in keys:
            if key not in value:
                raise self._lacks(" ".join(item for item in keys if item), keys[0])
            value = value[key]
        return value

    def _lacks(self, what: str, section: str) -> CantonError:
        return CantonError(
            f"The dossier of the {self.label} does not contain {what}",
            error_id="dossier_lacks",
            hint="Write it again with ledgerops.canton.participant_dossier"
            + (f" and {section} in gather." if section in dossier.SECTIONS else ".")
            + " It contains the delegations of those namespaces that its option namespaces lists.",
        )

    def _built(self, kind: t.Any, value: t.Any) -> t.Any:
        try:
            return dossier.built(kind, value)
        except (TypeError, KeyError, ValueError) as exc:
            raise dossier.DossierUnreadable(self._path, "another release of the collection has written it") from exc

    def _own(self, participant: str, what: str) -> None:
        """A dossier has only data of its own participant."""
        if participant != self._of("identity", "uid"):
            raise self._lacks(f"{what} of {participant or 'all participants'}", "")

    @property
    def major(self) -> int:
        return int(self._of("node", "flags", "MAJOR"))

    @property
    def reports_kms_keys(self) -> bool:
        return bool(self._of("node", "flags", "SHOWS_KMS_KEYS"))

    @property
    def reports_synchronizer_of_contracts(self) -> bool:
        return bool(self._of("node", "flags", "SHOWS_SYNCHRONIZERS_OF_CONTRACTS"))

    @property
    def hosts_offline(self) -> bool:
        return bool(self._of("node", "flags", "HOSTS_OFFLINE"))

    @property
    def one_mapping_per_host(self) -> bool:
        return not self._of("node", "flags", "REPLACES_HOSTS")

    @property
    def writes_for_protocol_version(self) -> bool:
        return self.major == 2

    @property
    def has_ledger(self) -> bool:
        return bool(self._of("node", "has_ledger"))

    def identity(self) -> Identity:
        return t.cast("Identity", self._built(Identity, self._of("identity")))

    def synchronizers(self, health: bool = False) -> list[Synchronizer]:
        return [self._built(Synchronizer, item["synchronizer"]) for item in self._of("synchronizers")]

    def protocol_version(self, item: Synchronizer) -> int | None:
        return t.cast("int | None", self._synchronizer(item)["protocol_version"])

    def written_for(self, item: Synchronizer) -> int | None:
        return t.cast("int | None", self._synchronizer(item)["written_for"])

    def _synchronizer(self, wanted: Synchronizer) -> dict[str, t.Any]:
        for item in self._of("synchronizers"):
            if item["synchronizer"]["alias"] == wanted.alias:
                return t.cast("dict[str, t.Any]", item)
        raise self._lacks(f"synchronizer {wanted.alias}", "synchronizers")

    def hosting_store(self, synchronizer: str) -> str:
        elsewhere = AUTHORIZED if self.hosts_offline else synchronizer
        return str(self._of("node", "proof_stores").get(synchronizer, elsewhere))

    def hosting_stores(self, synchronizer: str) -> tuple[str, ...]:
        return (synchronizer, AUTHORIZED) if self.hosts_offline else (synchronizer,)

    def in_flight(self, synchronizer: str) -> int | None:
        """As it was when the dossier was read: usable for a first check, no proof that nothing is in flight."""
        found = self._observed["in_flight"]
        if synchronizer not in found:
            raise self._lacks(f"what is in flight on {synchronizer}", "")
        return t.cast("int | None", found[synchronizer])

    def last_time(self, synchronizer: str) -> float | None:
        """The last seen time, shifted by the difference between the clocks of this host and of the host that read it."""
        found = self._observed["ahead"]
        if synchronizer not in found:
            raise self._lacks(f"the time of {synchronizer}", "")
        return None if found[synchronizer] is None else time.time() + found[synchronizer]

    def in_memory(self) -> bool:
        return bool(self._of("node", "in_memory"))

    def pruning_schedule(self) -> str | None:
        return t.cast("str | None", self._of("node", "pruning_schedule"))

    def own_keys(self) -> list[Key]:
        return t.cast("list[Key]", self._built(list[Key], self._of("keys", "own")))

    def delegations(self, store: str, namespace: str = "", target: str = "") -> list[Delegation]:
        if not namespace:
            raise self._lacks("delegations of all namespaces", "")
        found = self._of("topology", "delegations", store, namespace)
        built = t.cast("list[Delegation]", self._built(list[Delegation], found))
        return [item for item in built if target in ("", item.target)]

    def signed_delegations(
        self, store: str, namespace: str, removed: bool = False, written_for: int | None = None
    ) -> list[SignedDelegation]:
        if written_for is not None:
            raise self._lacks(
                f"delegations in the form of protocol version {written_for}, which only Canton 2 itself writes", ""
            )
        found = self._of("topology", "removed" if removed else "signed", store, namespace)
        return t.cast("list[SignedDelegation]", self._built(list[SignedDelegation], found))

    def hostings(self, store: str, participant: str = "") -> list[Hosting]:
        self._own(participant, "hostings")
        return t.cast("list[Hosting]", self._built(list[Hosting], self._of("topology", "hostings", store)))

    def decentralized_namespaces(self, store: str) -> set[str]:
        return set(self._of("topology", "decentralized", store))

    def dars(self) -> list[Dar]:
        return [self._built(Dar, item["dar"]) for item in self._of("packages", "dars")]

    def packages(self) -> dict[str, str]:
        return dict(self._of("packages", "stored"))

    def dar_packages(self, main: str) -> set[str]:
        for item in self._of("packages", "dars"):
            if item["dar"]["main"] == main:
                return set(item["packages"])
        raise self._lacks(f"DAR {main}", "packages")

    def download_dar(self, main: str) -> bytes:
        lacking = self._of("dar_files", "lacking")
        if main in lacking:
            raise DarWithoutContent(lacking[main])
        with dossier.opened(self._path, f"the file of DAR {main} is damaged") as archive:
            if dossier.DARS + main not in archive.namelist():
                raise self._lacks(f"the file of DAR {main}", "dar_files")
            return archive.read(dossier.DARS + main)

    def vettings(self, store: str, participant: str) -> set[Vetting]:
        self._own(participant, "vetted packages")
        return t.cast("set[Vetting]", self._built(set[Vetting], self._of("packages", "vetted", store)))

    def identity_providers(self) -> list[IdentityProvider]:
        return t.cast("list[IdentityProvider]", self._built(list[IdentityProvider], self._of("users", "providers")))

    def users(self, identity_provider: str, wanted: t.Callable[[str], bool] = bool) -> list[User]:
        found = t.cast("list[User]", self._built(list[User], self._of("users", "users", identity_provider)))
        return [user for user in found if wanted(user.id)]

    def local_parties(self, identity_provider: str = "") -> list[LocalParty]:
        found = self._of("users", "local_parties", identity_provider)
        return t.cast("list[LocalParty]", self._built(list[LocalParty], found))

    def knows_authentication(self) -> bool:
        return bool(self._of("users", "knows_authentication"))

    def ledger_end(self) -> Offset:
        if "ledger_end" not in self._observed:
            raise self._lacks("the ledger end", "")
        return t.cast("Offset", self._observed["ledger_end"])

    def active_contracts(self, parties: t.Iterable[str], offset: Offset) -> t.Iterator[ActiveContract]:
        """Contracts at the ledger end of the dossier; it has no other offset."""
        wanted = frozenset(parties)
        if not wanted or not offset:
            return
        expected = self._of("contracts", "active")
        if offset != self.ledger_end():
            raise self._lacks(f"contracts at offset {offset}", "")
        passed = 0
        damaged = "its list of contracts is damaged"
        with dossier.opened(self._path, damaged) as archive, archive.open(dossier.CONTRACTS) as lines:
            for line in lines:
                item = dossier.contract_of(line)
                passed += 1
                if item.stakeholders & wanted:
                    yield item
        if passed != expected:
            raise dossier.DossierUnreadable(self._path, f"it has {passed} of {expected} contracts")
