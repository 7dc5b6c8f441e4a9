"""Installs, in a folder that is thrown away, what fuzz.py and clients.py need: pinned versions, by pip and npm."""

import subprocess
import sys
from pathlib import Path

from service import check

INSTALL_SECONDS = 300


def run(command, seconds, **how):
    """Runs a command to its end and shows its output when it fails. Its arguments may hold secrets and are not shown."""
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
    """A Python environment that has these packages; its folder of programs."""
    environment = Path(folder) / "python"
    programs = environment / "bin"
    if not programs.exists():
        run([sys.executable, "-m", "venv", environment], INSTALL_SECONDS)
    run([programs / "pip", "install", "--quiet", "--disable-pip-version-check", *packages], INSTALL_SECONDS)
    return programs
