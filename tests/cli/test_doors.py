"""The command line starts fast: a verb loads what it needs and nothing else."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("aiohttp", "slack_sdk", "grafana_foundation_sdk", "aiosmtpd", "psutil")


@pytest.mark.parametrize("arguments", [["--help"], ["check", "rules/rag.yml", "alertmanager/alertmanager.yml"]])
def test_help_and_check_load_no_server_and_no_provider(root, arguments):
    script = (
        "import sys\nfrom agent.cli import main\nsys.argv = ['burnline', *sys.argv[1:]]\n"
        "try:\n    main()\nexcept SystemExit as end:\n    code = end.code\n"
        f"loaded = [name for name in {HEAVY!r} if name in sys.modules]\nprint('loaded', loaded, 'exit', code or 0)\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], cwd=root, capture_output=True, text=True, check=False
    )

    assert done.stdout.splitlines()[-1] == "loaded [] exit 0", done.stderr
