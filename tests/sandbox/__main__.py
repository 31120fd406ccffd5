# Copyright (c) 2026 The ledgerops.canton authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``python -m sandbox``: see README.md beside this file."""

import sys

from sandbox.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
