# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A table in a page that is made from the outcome of the tests, and compared with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from tools.outcomes import Found, read

BEGIN = "<!-- made from the outcome of the tests by `make release-table-write`; do not edit by hand -->"
END = "<!-- end of what was made from the outcome -->"


def parts(page: Path) -> tuple[str, str, str]:
    """The page before, in and after the markers."""
    text = page.read_text(encoding="utf-8")
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise SystemExit(f"{page}: the two markers of the table are not there")
    before, _begin, rest = text.partition(BEGIN)
    inside, _end, after = rest.partition(END)
    return before, inside, after


def run(
    command: str,
    outcomes: Path,
    page: Path,
    table: Callable[[Found], list[str]],
    troubles: Callable[[Found], Iterable[str]],
) -> int:
    """``check`` fails when the page says something else than the outcomes, or when tests failed or did not run; ``write`` writes it."""
    found = read(outcomes)
    trouble = list(troubles(found))
    for each in trouble:
        print(f"{page}: {each}")
    if trouble:
        return 1
    before, inside, after = parts(page)
    wanted = "\n\n" + "\n".join(table(found)) + "\n\n"
    if command == "write":
        page.write_text(f"{before}{BEGIN}{wanted}{END}{after}", encoding="utf-8")
        return 0
    if inside != wanted:
        print(f"{page} differs from the outcome of the tests. Regenerate it with `make release-table-write`")
        return 1
    print(f"{page} is what the tests came to")
    return 0
