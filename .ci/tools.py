"""Installs the requirements of fuzz.py and clients.py in a temporary directory: pinned versions, with pip and npm."""

import subprocess
import sys
from pathlib import Path

from service import check

INSTALL_SECONDS = 300


def run(command, seconds, **how):
    """Runs a command until it exits and prints its output if it fails. Its arguments may contain secrets and are not printed."""
    print(f"running {Path(command[0]).name}", flush=True)
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=seconds, check=False, stdin=subprocess.DEVNULL, **how
        )
    except subprocess.TimeoutExpired as late:
        said = (late.stdout or b"").decode(errors="replace")
        check(False, f"{command[0]}: not within {seconds} s\n{said[-4000:]}")
    check(done.returncode == 0, f"{command[0]} ended with {done.returncode}\n{done.stdout[-8000:]}\n{done.stderr[-8000:]}")
    return done.stdout


def python_with(folder, *packages):
    """Creates a Python environment with these packages; returns its directory of programs."""
    environment = Path(folder) / "python"
    programs = environment / "bin"
    if not programs.exists():
        run([sys.executable, "-m", "venv", environment], INSTALL_SECONDS)
    run([programs / "pip", "install", "--quiet", "--disable-pip-version-check", *packages], INSTALL_SECONDS)
    return programs
