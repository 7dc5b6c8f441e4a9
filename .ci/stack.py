"""Runs the services of docker-compose.yml without a container engine: the same commands and settings, the Dockerfile's
ENV, two API replicas and two workers, on a PostgreSQL server with TLS.

usage: stack.py COMPOSE_CONFIG BINARY DATABASE_URL   (COMPOSE_CONFIG: what `docker-compose config` printed)
"""

import base64
import json
import os
import re
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import yaml

from service import Api, Failed, Process, assert_campaign, check, free_port, wait_for_campaign

ROOT = Path(__file__).resolve().parent.parent
COMMAND_SECONDS = 120


class Stack:
    def __init__(self, services, binary, database_url, directory):
        self.services = services
        self.binary = binary
        self.directory = Path(directory)
        self.image = dict(re.findall(r"^ENV (\w+)=(.*)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE))
        # Settings with host names of the compose network are replaced by addresses on this machine.
        self.local = {
            "DATABASE_URL": database_url,
            "QIAOJIAN_DATA_DIR": str(self.directory / "data"),
            "QIAOJIAN_SECRET_KEY": base64.urlsafe_b64encode(os.urandom(32)).decode().rstrip("="),
            "QIAOJIAN_SMTP_URL": f"smtp://127.0.0.1:{free_port()}",
        }
        (self.directory / "data").mkdir()

    def settings(self, service, port=None):
        chosen = {**self.image, **self.services[service]["environment"], **self.local}
        chosen["QIAOJIAN_LISTEN"] = f"127.0.0.1:{port or free_port()}"
        return {name: value for name, value in chosen.items() if value is not None}

    def run(self, service, *command):
        """Runs one command until it exits, as `docker-compose run --rm SERVICE COMMAND` would."""
        done = subprocess.run(
            [self.binary, *(command or self.services[service]["command"])],
            env={**os.environ, **self.settings(service)},
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        check(done.returncode == 0, f"{done.args[1:]} ended with {done.returncode}: {done.stderr}")
        return done.stdout

    def start(self, service, number=1):
        port = free_port()
        name = f"{service} {number}"
        command = [self.binary, *self.services[service]["command"]]
        process = Process(name, command, self.directory / f"{name}.log", self.settings(service, port))
        return process, Api(f"http://127.0.0.1:{port}")


def check_services(stack):
    stack.run("migrate")
    stack.run("migrate", "demo", "load")
    token = ["token", "create", "--area", "340000", "--role", "province_admin", "--label", "ci", "--json"]
    credentials = json.loads(stack.run("migrate", *token))
    with ExitStack() as running:
        replicas = [stack.start("api1"), stack.start("api2")]
        count = stack.services["worker"]["deploy"]["replicas"]
        workers = [stack.start("worker", number)[0] for number in range(1, count + 1)]
        processes = [process for process, _ in replicas] + workers
        for process in processes:
            running.enter_context(process)
        for process, api in replicas:
            api.wait_until_ready(process)
            api.sign_in(credentials["client_id"], credentials["client_secret"])
        wait_for_campaign(replicas[0][1], workers[0])
        assert_campaign(replicas[1][1])
        for process in processes:
            process.stop()


def main():
    compose_config, binary, database_url = sys.argv[1:]
    services = yaml.safe_load(Path(compose_config).read_text())["services"]
    with tempfile.TemporaryDirectory(prefix="qiaojian-stack-") as directory:
        try:
            check_services(Stack(services, binary, database_url, directory))
        except Failed as failure:
            sys.exit(f"compose services: {failure}")
    print("compose services: two replicas and two workers, seven notices for each pilot city")


if __name__ == "__main__":
    main()
