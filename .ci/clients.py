"""Generates clients from the OpenAPI document as integrators do, compiles them, and runs an example program with each
against a running service: get a token, list organizations, record one, read it, and receive a typed problem.
TypeScript: openapi-typescript and openapi-fetch, under `tsc --strict`. Python: openapi-python-client, under mypy.

usage: clients.py BINARY [--tools DIR]
"""

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path

from service import Api, Failed, Process, free_port
from tools import INSTALL_SECONDS, python_with, run

STORIES = Path(__file__).resolve().parent / "clients"
NPM = ["openapi-typescript@7.13.0", "openapi-fetch@0.17.0", "typescript@5.9.3"]
PIP = ["openapi-python-client==0.29.1", "mypy==1.18.2", "types-python-dateutil==2.9.0.20250822"]
COMMAND_SECONDS = 180


def typescript(tools, directory, base, credentials):
    folder = directory / "typescript"
    shutil.copytree(STORIES / "typescript", folder)
    run(["npm", "install", "--no-audit", "--no-fund", "--cache", tools / "npm", *NPM], INSTALL_SECONDS, cwd=folder)
    programs = folder / "node_modules/.bin"
    run([programs / "openapi-typescript", f"{base}/openapi.json", "--output", "api.ts"], COMMAND_SECONDS, cwd=folder)
    run([programs / "tsc", "--project", "."], COMMAND_SECONDS, cwd=folder)
    story = ["node", "story.js", base, credentials["client_id"], credentials["client_secret"]]
    print(run(story, COMMAND_SECONDS, cwd=folder).strip())


def python(tools, directory, base, credentials):
    folder = directory / "python"
    shutil.copytree(STORIES / "python", folder)
    programs = python_with(tools, *PIP)
    generate = [programs / "openapi-python-client", "generate", "--url", f"{base}/openapi.json", "--config", "config.yml"]
    run([*generate, "--fail-on-warning", "--meta", "none", "--output-path", "qiaojian_client"], COMMAND_SECONDS, cwd=folder)
    run([programs / "mypy", "--strict", "story.py"], COMMAND_SECONDS, cwd=folder)
    story = [programs / "python", "story.py", base, credentials["client_id"], credentials["client_secret"]]
    print(run(story, COMMAND_SECONDS, cwd=folder).strip())


def play(binary, tools, directory):
    tools.mkdir(parents=True, exist_ok=True)
    address = f"127.0.0.1:{free_port()}"
    command = [binary, "up", "--data-dir", str(directory / "data"), "--listen", address]
    process, base = Process("the service", command, directory / "log"), f"http://{address}"
    with process:
        Api(base).wait_until_ready(process)
        credentials = json.loads((directory / "data/admin-credentials.json").read_text())
        typescript(tools, directory, base, credentials)
        python(tools, directory, base, credentials)
        process.stop()


def main():
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("binary", help="the built `qiaojian`")
    asked.add_argument("--tools", type=Path, help="where the tools are installed; default: a temporary folder")
    options = asked.parse_args()
    with tempfile.TemporaryDirectory(prefix="qiaojian-clients-") as directory:
        directory = Path(directory)
        try:
            play(options.binary, options.tools or directory / "tools", directory)
        except Failed as failure:
            sys.exit(f"clients: {failure}")


if __name__ == "__main__":
    main()
