"""The helper scripts as an admin calls them: from a checkout, or from a copy of nothing but their folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from .process import CHECKOUT

LIMIT = 90.0
# What would tell a script more than its admin did.
_OURS = ("COMPOSE_PROJECT_NAME", "MAILCOW_HOSTNAME", "PYTHONPATH", "VIRTUAL_ENV")


class Scripts:
    """Runs them with the libraries of this Python, in a working directory of their own."""

    def __init__(self, working_directory: Path, **environment: str) -> None:
        self.here = working_directory
        self._folder = CHECKOUT / "helper-scripts"
        self._path = str(Path(sys.executable).parent)
        self._environment = environment

    def run(self, script: str, *arguments: str, **environment: str) -> tuple[int, str]:
        """Exit code, and everything printed, standard output first."""
        inherited = {name: value for name, value in os.environ.items() if name not in _OURS}
        done = subprocess.run(
            [str(self._folder / script), *arguments],
            cwd=self.here,
            env={
                **inherited,
                "PATH": f"{self._path}:{os.environ['PATH']}",
                **self._environment,
                **environment,
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr


class BareCopy(Scripts):
    """Runs a copy of the folder alone, with a Python that has no library at all."""

    def __init__(self, working_directory: Path, **environment: str) -> None:
        super().__init__(working_directory, **environment)
        self._folder = working_directory / "copy/helper-scripts"
        shutil.copytree(CHECKOUT / "helper-scripts", self._folder)
        empty = working_directory / "python"
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(empty)], check=True)
        self._path = str(empty / "bin")
