# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""IAM policies of a key in GCP: read, compared as meaning, and made for a node. Speaks to no KMS.

A key's own policy says who may use it beside those who may by the policies of its key ring and project, which stay out of this.
"""

from __future__ import annotations

import json
import re
import typing as t

from ..._errors import CantonError
from ..model import SIGN

Document = dict[str, t.Any]

# What a node calls with keys that were made for it: it signs or decrypts, reads the public key, and asks for the state
# (docs/canton/kms-gcp.md#permissions-on-keys).
_VIEWER = "roles/cloudkms.viewer"
_PUBLIC_KEY = "roles/cloudkms.publicKeyViewer"
_NODE_ROLES = {
    "signing": ("roles/cloudkms.signer", _PUBLIC_KEY, _VIEWER),
    "encryption": ("roles/cloudkms.cryptoKeyDecrypter", _PUBLIC_KEY, _VIEWER),
    "wrapper": ("roles/cloudkms.cryptoKeyEncrypterDecrypter", _VIEWER),
}

_ROLE = re.compile(r"(roles|projects/[^/]+/roles|organizations/[^/]+/roles)/[\w.]+")
_MEMBER = re.compile(
    r"allUsers|allAuthenticatedUsers"
    r"|(deleted:)?(user|serviceAccount|group|domain|principal|principalSet|projectOwner|projectEditor|projectViewer):\S+"
)
# with conditions, the version that IAM asks for
PLAIN, CONDITIONAL = 1, 3


def parse(policy: t.Any) -> Document:
    """The policy of an option, as IAM accepts it. Raises CantonError for what is not a policy."""
    if isinstance(policy, str):
        try:
            policy = json.loads(policy)
        except ValueError as exc:
            raise _malformed(f"it is not JSON ({exc})") from None
    if not isinstance(policy, dict):
        raise _malformed("it is not a mapping")
    unknown = sorted(set(policy) - {"bindings", "version", "etag"})
    if unknown:
        raise _malformed(f"it has {', '.join(unknown)}, which are not supported")
    bindings = policy.get("bindings", [])
    if not isinstance(bindings, list):
        raise _malformed("its bindings are not a list")
    return _document([_binding(each) for each in bindings])


def _binding(binding: t.Any) -> dict[str, t.Any]:
    if not isinstance(binding, dict) or not isinstance(binding.get("role"), str):
        raise _malformed("one of its bindings has no role")
    role, members = binding["role"], binding.get("members", [])
    if not _ROLE.fullmatch(role):
        raise _malformed(f"{role!r} is not a role")
    if set(binding) - {"role", "members", "condition"}:
        raise _malformed(f"the binding of {role} has more than role, members and condition")
    if not isinstance(members, list):
        raise _malformed(f"the members of {role} are not a list")
    checked: dict[str, t.Any] = {"role": role, "members": check_members("policy", members)}
    condition = binding.get("condition")
    if condition is not None:
        if not isinstance(condition, dict) or not condition.get("expression") or not condition.get("title"):
            raise _malformed(f"the condition of {role} has no title or no expression")
        checked["condition"] = {str(name): str(value) for name, value in condition.items()}
    return checked


def _malformed(why: str) -> CantonError:
    return CantonError(
        f"policy can't be an IAM policy of a key: {why}",
        error_id="policy_malformed",
        hint="Write it as a mapping with bindings, a list of role, members and perhaps condition.",
    )


def check_members(option: str, members: t.Sequence[t.Any]) -> list[str]:
    """The members as texts. Raises CantonError for what can't be one."""
    for member in members:
        if not isinstance(member, str) or not _MEMBER.fullmatch(member):
            raise CantonError(
                f"{option} names {member!r}, which is not a member of an IAM policy",
                error_id="policy_malformed",
                hint="Write members as serviceAccount:NAME@PROJECT.iam.gserviceaccount.com, user:…, group:… or principal://….",
            )
    return list(members)


def for_node(spec: str, usage: str, members: t.Sequence[str]) -> Document:
    """The whole policy of a key that only these members may use, and only as Canton does."""
    kind = "wrapper" if spec == "symmetric" else "signing" if usage == SIGN else "encryption"
    return _document([{"role": role, "members": list(members)} for role in _NODE_ROLES[kind] if members])


def _document(bindings: list[dict[str, t.Any]]) -> Document:
    conditional = any("condition" in each for each in bindings)
    return {"version": CONDITIONAL if conditional else PLAIN, "bindings": bindings}


def meaning(document: Document) -> list[dict[str, t.Any]]:
    """The bindings in one form for all policies that say the same: order, repetition and titles make no difference."""
    found: dict[tuple[str, str], set[str]] = {}
    for binding in document["bindings"]:
        expression = (binding.get("condition") or {}).get("expression", "")
        found.setdefault((binding["role"], expression), set()).update(_member(each) for each in binding["members"])
    return [
        {"role": role, "members": sorted(members), **({"condition": expression} if expression else {})}
        for (role, expression), members in sorted(found.items())
        if members
    ]


def _member(member: str) -> str:
    """Addresses are the same in capitals; ids of workload identities are not."""
    kind, colon, address = member.partition(":")
    return f"{kind}{colon}{address.lower()}" if kind in ("user", "serviceAccount", "group", "domain") else member
