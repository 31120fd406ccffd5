# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""References that resolve: links between pages, and the facts about Canton that sources cite (``docs/canton``)."""

from __future__ import annotations

import os.path
import re
from collections.abc import Iterator
from pathlib import Path

# Up to the first character that cannot stand in an address.
CITATION = re.compile(r"\bdocs/canton/[\w./#-]*[\w#-]")
# in brackets, so that this file passes its own check
OLD_CITATION = re.compile(
    r"admin-api[-][23]\b|[(;] ?recordings\b|\b(perf|procedure|kms)(\.md)?,? [0-9]\b|[(][A-G]\d{1,2}\b[,;:) ]|\b[Pp]art [A-G]\b"
)
LINK = re.compile(r"\[[^\]\n]*\]\(([^()\s]+)\)")
ELSEWHERE = re.compile(r"[a-z]+:")
FENCED = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#{1,6} +(.+?) *$", re.MULTILINE)


def anchors(page: str) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them; the second heading of a name gets a number."""
    found: set[str] = set()
    for heading in HEADING.findall(FENCED.sub("", page)):
        slug = re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
        name, number = slug, 0
        while name in found:
            number += 1
            name = f"{slug}-{number}"
        found.add(name)
    return found


class Pages:
    """The pages of a repository by name, each read once."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._anchors: dict[str, set[str]] = {}

    def lack(self, name: str, anchor: str) -> str | None:
        """What is missing of this page and its anchor, or None."""
        path = self._root / name
        if not path.exists():
            return f"{name} does not exist"
        if not anchor:
            return None
        if name not in self._anchors:
            self._anchors[name] = anchors(path.read_text(encoding="utf-8"))
        return None if anchor in self._anchors[name] else f"{name} has no heading #{anchor}"


def citations(name: str, lines: list[str], pages: Pages) -> Iterator[str]:
    """Sources cite facts as docs/canton, page and heading, and nothing outside of the repository."""
    for number, line in enumerate(lines, 1):
        if OLD_CITATION.search(line):
            yield f"{name}:{number}: cites a document that is not in the repository"
        for cited in () if name.endswith(".md") else CITATION.findall(line):
            page, _hash, anchor = cited.partition("#")
            lack = pages.lack(page, anchor) if anchor else f"{cited} names no heading"
            if lack:
                yield f"{name}:{number}: {lack}"


def links(name: str, lines: list[str], pages: Pages) -> Iterator[str]:
    """Relative links of a page lead to a file, and to a heading of it."""
    for number, line in enumerate(lines, 1):
        for target in LINK.findall(line):
            if ELSEWHERE.match(target):
                continue
            path, _hash, anchor = target.partition("#")
            lack = pages.lack(os.path.normpath(os.path.join(os.path.dirname(name), path)) if path else name, anchor)
            if lack:
                yield f"{name}:{number}: {lack}"
