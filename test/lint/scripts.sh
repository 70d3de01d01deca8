#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Shell scripts as shellcheck likes them, Python that compiles.
set -euo pipefail
cd "$(dirname "$0")/../.."
status=0

mapfile -t shell < <(grep -rlE --exclude-dir=.git --exclude-dir=build -m 1 \
	'^#!/(bin/(ba)?sh|usr/bin/env (ba)?sh)' .)
shellcheck "${shell[@]}" || status=1

find test -name '*.py' -print0 | xargs -0 -r python3 -W error -c '
import sys
for path in sys.argv[1:]:
    with open(path, encoding="utf-8") as file:
        compile(file.read(), path, "exec")
' || status=1

exit $status
