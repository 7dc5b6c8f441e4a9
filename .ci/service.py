"""Starts the real binary, sends HTTP requests to it, and stops it: shared by demo.py, stack.py, fuzz.py and clients.py."""

import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

READY_SECONDS = 60
STOP_SECONDS = 30
POLL_SECONDS = 0.05
PILOTS = {"340300": "蚌埠", "341200": "阜阳", "340500": "马鞍山", "340800": "安庆"}
# 2021-12 … 2022-06: the periods that the demo's schedule composes for each pilot city.
BULLETINS = 7
NOTICES = BULLETINS * len(PILOTS)


class Failed(Exception):
    """A failed check; the message names it."""


def check(holds, message):
    if not holds:
        raise Failed(message)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Process:
    """A running Qiaojian process whose output goes to a file. As a context manager it kills the process at the end, if it
    is still running, and prints its output after a failure."""

    def __init__(self, name, command, log_path, env=None):
        self.name = name
        self.log_path = log_path
        self.started = time.monotonic()
        with open(log_path, "ab") as log:
            self.child = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, **(env or {})})

    def assert_running(self):
        check(self.child.poll() is None, f"{self.name} ended with {self.child.returncode}")

    def stop(self):
        """SIGTERM must drain and exit 0."""
        self.assert_running()
        self.child.send_signal(signal.SIGTERM)
        try:
            status = self.child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            raise Failed(f"{self.name} did not stop within {STOP_SECONDS} s of SIGTERM") from None
        check(status == 0, f"{self.name} ended with {status} after SIGTERM")

    def __enter__(self):
        return self

    def __exit__(self, failure, *_):
        if self.child.poll() is None:
            self.child.kill()
            self.child.wait()
        if failure:
            self._print_log()

    def _print_log(self):
        print(f"---- output of {self.name}", flush=True)
        with open(self.log_path, encoding="utf-8", errors="replace") as log:
            print("".join(log.readlines()[-100:]), end="", flush=True)


def poll_until(what, seconds, attempt, process):
    """Calls `attempt` until it returns a true value, or fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        process.assert_running()
        found = attempt()
        if found:
            return found
        check(time.monotonic() < deadline, f"{what}: not within {seconds} s")
        time.sleep(POLL_SECONDS)


class Api:
    """A client of one replica."""

    def __init__(self, base_url):
        self.base_url = base_url
        self.token = None

    def wait_until_ready(self, process):
        poll_until("GET /readyz", READY_SECONDS, self._is_ready, process)
        print(f"{process.name}: ready after {time.monotonic() - process.started:.2f} s", flush=True)

    def _is_ready(self):
        try:
            with urllib.request.urlopen(f"{self.base_url}/readyz", timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False

    def sign_in(self, client_id, client_secret):
        form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": client_secret}
        answer = self._open("/oauth/token", data=urllib.parse.urlencode(form).encode())
        self.token = json.loads(answer)["access_token"]

    def text(self, path):
        return self._open(path).decode()

    def post(self, path, body):
        return self._open(path, data=json.dumps(body).encode(), content_type="application/json").decode()

    def items(self, path):
        """All rows of a list, page after page."""
        rows, cursor = [], None
        while True:
            query = {"limit": 200, **({"cursor": cursor} if cursor else {})}
            page = json.loads(self._open(f"{path}?{urllib.parse.urlencode(query)}"))
            rows += page["items"]
            cursor = page.get("next_cursor")
            if not cursor:
                return rows

    def _open(self, path, data=None, content_type=None):
        request = urllib.request.Request(self.base_url + path, data=data)
        if content_type:
            request.add_header("Content-Type", content_type)
        if self.token:
            request.add_header("Authorization", f"Bearer {self.token}")
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.read()
        except urllib.error.HTTPError as error:
            raise Failed(f"{path}: {error.code} {error.read().decode(errors='replace')}") from None


def area_code(notice):
    area = notice["area"]
    return area["code"] if isinstance(area, dict) else area


def notices_by_area(api):
    """The number of notices of each area, over all bulletins."""
    counts = {}
    for bulletin in api.items("/v1/bulletins"):
        for notice in api.items(f"/v1/bulletins/{bulletin['id']}/notices"):
            counts[area_code(notice)] = counts.get(area_code(notice), 0) + 1
    return counts


def wait_for_campaign(api, process):
    """Waits until the worker has composed the campaign's months, and checks that each pilot city has each month once."""
    poll_until("the campaign's notices", 120, lambda: sum(notices_by_area(api).values()) >= NOTICES, process)
    assert_campaign(api)


def assert_campaign(api):
    expected = {code: BULLETINS for code in PILOTS}
    found = notices_by_area(api)
    check(found == expected, f"notices by area: expected {expected}, found {found}")
    periods = sorted(bulletin["period"] for bulletin in api.items("/v1/bulletins"))
    check(len(periods) == BULLETINS and len(set(periods)) == BULLETINS, f"bulletins: {periods}")
