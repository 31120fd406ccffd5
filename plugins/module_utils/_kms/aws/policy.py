# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Key policies of AWS KMS: read, compared as meaning, made for a node, and checked for somebody who can change it again. Speaks to no KMS.

``meaning`` is a document in one form for all documents that say the same: what AWS itself rewrites (an account's id for
the ARN of its root, a list of one for its member) and what has no effect (order, repetition, C(Id), C(Sid)) is gone.
"""

from __future__ import annotations

import json
import re
import typing as t

from ..._errors import CantonError
from ..model import SIGN

Document = dict[str, t.Any]

MAX_BYTES = 32768  # of a key policy, in AWS KMS
_LANGUAGE = "2012-10-17"
_OLD_LANGUAGE = "2008-10-17"  # what a document without a version is read as
_ACCOUNT = re.compile(r"\d{12}")
_ARN = re.compile(r"arn:[^:]+:(iam|sts):[^:]*:\d{12}:.+")
_UNIQUE_ID = re.compile(r"A[A-Z0-9]{15,}")  # what AWS shows for a principal that is deleted
_ROOT = re.compile(r"arn:[^:]+:iam::(\d{12}):root")
_SENDABLE = re.compile(r"[\u0009\u000A\u000D\u0020-\u00FF]+")

_ALL_OF = (("Effect",), ("Principal", "NotPrincipal"), ("Action", "NotAction"), ("Resource", "NotResource"))
_PARTS = {name for names in _ALL_OF for name in names} | {"Sid", "Condition"}

# What a node calls with keys that were made for it (docs/canton/kms-aws.md#permissions-of-a-node)
_NODE_ACTIONS = {
    "signing": ["kms:Sign", "kms:GetPublicKey", "kms:DescribeKey"],
    "encryption": ["kms:Decrypt", "kms:GetPublicKey", "kms:DescribeKey"],
    "wrapper": ["kms:Encrypt", "kms:Decrypt", "kms:DescribeKey"],
}
# Everything but the use of the key: no signing, no decryption, and no grant that would give these
_ADMIN_ACTIONS = [
    "kms:CancelKeyDeletion",
    "kms:CreateAlias",
    "kms:DeleteAlias",
    "kms:DeleteImportedKeyMaterial",
    "kms:DescribeKey",
    "kms:DisableKey",
    "kms:DisableKeyRotation",
    "kms:EnableKey",
    "kms:EnableKeyRotation",
    "kms:Get*",
    "kms:ImportKeyMaterial",
    "kms:List*",
    "kms:PutKeyPolicy",
    "kms:ReplicateKey",
    "kms:RevokeGrant",
    "kms:ScheduleKeyDeletion",
    "kms:TagResource",
    "kms:UntagResource",
    "kms:UpdateAlias",
    "kms:UpdateKeyDescription",
    "kms:UpdatePrimaryRegion",
]


def parse(text: str) -> Document:
    """The document in JSON text. Raises CantonError for one that AWS would refuse, before anything is created."""
    try:
        document = json.loads(text)
    except ValueError as exc:
        raise _malformed(f"it isn't JSON ({exc})") from exc
    if not isinstance(document, dict) or not _listed(document.get("Statement")):
        raise _malformed("it has no Statement")
    if document.get("Version", _OLD_LANGUAGE) not in (_LANGUAGE, _OLD_LANGUAGE):
        raise _malformed(f"there is no Version {document['Version']}")
    for number, statement in enumerate(_listed(document["Statement"]), 1):
        _check_statement(statement, f"statement {number}")
    sent = as_text(document)
    if len(sent.encode()) > MAX_BYTES:
        raise _malformed(f"it has more than {MAX_BYTES} bytes")
    if not _SENDABLE.fullmatch(sent):
        raise _malformed("it has characters that AWS refuses (Latin-1 only)")
    return document


def _check_statement(statement: t.Any, where: str) -> None:
    if not isinstance(statement, dict):
        raise _malformed(f"{where} is not a mapping")
    unknown = sorted(set(statement) - _PARTS)
    if unknown:
        raise _malformed(f"{where} has {', '.join(unknown)}, which are no parts of a statement")
    for names in _ALL_OF:
        given = [name for name in names if name in statement]
        if len(given) != 1 or not statement[given[0]]:
            raise _malformed(f"{where} needs {' or '.join(names)}, once")
    if statement["Effect"] not in ("Allow", "Deny"):
        raise _malformed(f"{where} has Effect {statement['Effect']}; it is Allow or Deny")
    for name in ("Principal", "NotPrincipal"):
        principal = statement.get(name, "*")
        if not isinstance(principal, dict) and principal != "*":
            raise _malformed(f'{where} has {name} {principal}; write {{"AWS": ...}}, or "*"')
    for name in ("Action", "NotAction", "Resource", "NotResource"):
        if not all(isinstance(each, str) for each in _listed(statement.get(name))):
            raise _malformed(f"{name} of {where} is neither a text nor a list of texts")
    condition = statement.get("Condition", {})
    if not isinstance(condition, dict) or not all(isinstance(tests, dict) for tests in condition.values()):
        raise _malformed(f"Condition of {where} is not a mapping of operators to keys")


def _malformed(reason: str) -> CantonError:
    return CantonError(
        f"policy can't be a key policy: {reason}",
        error_id="policy_malformed",
        hint="Set a mapping, or JSON text, with Version and Statement, as AWS describes key policies.",
    )


def as_text(document: Document) -> str:
    """What is sent to AWS."""
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False)


def meaning(document: Document, partition: str = "aws") -> Document:
    """The document in its one form; equal for two documents only when they allow and deny the same."""
    statements = {
        _text(each): each for each in (_statement(it, partition) for it in _listed(document.get("Statement")))
    }
    return {
        "Version": document.get("Version", _OLD_LANGUAGE),
        "Statement": [statements[text] for text in sorted(statements)],
    }


def _statement(statement: dict[str, t.Any], partition: str) -> dict[str, t.Any]:
    found: dict[str, t.Any] = {"Effect": statement.get("Effect")}
    for name in ("Principal", "NotPrincipal"):
        if name in statement:
            found[name] = _principals(statement[name], partition)
    for name in ("Action", "NotAction"):
        if name in statement:
            found[name] = sorted({str(each).lower() for each in _listed(statement[name])})
    for name in ("Resource", "NotResource"):
        if name in statement:
            found[name] = sorted({str(each) for each in _listed(statement[name])})
    if statement.get("Condition"):
        found["Condition"] = {
            operator: {
                key: sorted({_word(value) for value in _listed(values)}) for key, values in sorted(tests.items())
            }
            for operator, tests in sorted(statement["Condition"].items())
        }
    return found


def _principals(principal: t.Any, partition: str) -> dict[str, list[str]]:
    if not isinstance(principal, dict):
        return {"AWS": [str(principal)]}
    return {
        kind: sorted({_principal(str(each), partition) if kind == "AWS" else str(each) for each in _listed(names)})
        for kind, names in sorted(principal.items())
    }


def _principal(name: str, partition: str) -> str:
    return root_of(name, partition) if _ACCOUNT.fullmatch(name) else name


def root_of(account: str, partition: str) -> str:
    return f"arn:{partition}:iam::{account}:root"


def _word(value: t.Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _listed(value: t.Any) -> list[t.Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _text(value: t.Any) -> str:
    return json.dumps(value, sort_keys=True)


def check_principals(option: str, names: t.Iterable[str]) -> None:
    """Raise CantonError for what is no principal of IAM, and for everybody."""
    for name in names:
        if not (_ACCOUNT.fullmatch(name) or _ARN.fullmatch(name) or _UNIQUE_ID.fullmatch(name)):
            raise CantonError(
                f"{option} has {name!r}, which is not a principal of AWS",
                error_id="principal_invalid",
                hint="Set the ARN of a role or user, such as arn:aws:iam::111122223333:role/canton, or an account's id.",
            )


def for_node(
    account: str, partition: str, spec: str, usage: str, nodes: t.Sequence[str], admins: t.Sequence[str]
) -> Document:
    """Least privilege: ``nodes`` may use the key as Canton does, and only the account and ``admins`` may administer it.

    Without ``admins`` the account's IAM policies decide on everything else, as in AWS's default policy. With them
    nobody but the nodes can use the key: IAM policies of the account can then give its administration only.
    """
    root = root_of(account, partition)
    statements = [
        {
            "Sid": "Administration",
            "Effect": "Allow",
            "Principal": {"AWS": [root, *admins] if admins else root},
            "Action": _ADMIN_ACTIONS if admins else "kms:*",
            "Resource": "*",
        }
    ]
    if nodes:
        kind = "signing" if usage == SIGN else "wrapper" if spec == "symmetric" else "encryption"
        statements.append(
            {
                "Sid": "CantonNode",
                "Effect": "Allow",
                "Principal": {"AWS": list(nodes)},
                "Action": _NODE_ACTIONS[kind],
                "Resource": "*",
            }
        )
    return {"Version": _LANGUAGE, "Id": "ledgerops-canton-node", "Statement": statements}


def check_changeable(document: Document) -> str | None:
    """Raise CantonError when nobody could change this policy any more; a warning when only one principal could."""
    found = meaning(document)["Statement"]
    about = [each for each in found if _covers(each, "kms:putkeypolicy") and not each.get("Condition")]
    allowed = {name for each in about if each["Effect"] == "Allow" for name in each.get("Principal", {}).get("AWS", ())}
    denied = {name for each in about if each["Effect"] == "Deny" for name in each.get("Principal", {}).get("AWS", ())}
    if not allowed or "*" in denied or denied >= allowed or any(_ROOT.fullmatch(name) for name in denied):
        raise CantonError(
            "Under this policy nobody could change the key's policy any more, and only AWS Support could help",
            error_id="policy_locks_out",
            hint="Allow kms:PutKeyPolicy to the account (arn:aws:iam::ACCOUNT:root) or to an administrator, without a "
            "condition; or set policy_lockout to true if this is wanted.",
        )
    if "*" in allowed or any(_ROOT.fullmatch(name) for name in allowed):
        return None
    return (
        f"Only {', '.join(sorted(allowed))} can change the key's policy. If that principal is deleted, nobody can: "
        "allow kms:PutKeyPolicy to the account's root as well."
    )


def _covers(statement: dict[str, t.Any], action: str) -> bool:
    patterns = statement.get("Action", statement.get("NotAction", ()))
    hit = any(re.fullmatch(re.escape(each).replace(r"\*", ".*").replace(r"\?", "."), action) for each in patterns)
    return hit if "Action" in statement else not hit
