"""Checks what a new user does first: starts the demo, reads a bulletin over HTTP, stops it, and starts it again.

usage: demo.py COMMAND…   (what runs `qiaojian`, such as `cargo run --release --`)
"""

import json
import stat
import sys
import tempfile
import time
from pathlib import Path

from service import NOTICES, PILOTS, Api, Failed, Process, assert_campaign, check, free_port, poll_until
from service import wait_for_campaign

# How long to watch the second start for a notice, which it must not add.
WATCH_SECONDS = 3


class Demo:
    """The demo with its own data directory."""

    def __init__(self, command, directory):
        self.command = command
        self.data_dir = Path(directory) / "data"
        self.log_path = Path(directory) / "log"

    def start(self, name):
        address = f"127.0.0.1:{free_port()}"
        options = ["up", "--data-dir", str(self.data_dir), "--listen", address]
        return Process(name, [*self.command, *options], self.log_path), Api(f"http://{address}")

    def sign_in(self, api):
        path = self.data_dir / "admin-credentials.json"
        for private, expected in [(self.data_dir, 0o700), (path, 0o600)]:
            mode = stat.S_IMODE(private.stat().st_mode)
            check(mode == expected, f"{private.name} has mode {mode:o}")
        credentials = json.loads(path.read_text())
        check(credentials["token_url"].endswith("/oauth/token"), f"token_url is {credentials['token_url']}")
        api.sign_in(credentials["client_id"], credentials["client_secret"])

    def written_notices(self):
        """The mails of the `file` channel."""
        return sorted(self.data_dir.rglob("*.eml"))


def read_a_bulletin(api):
    newest = max(api.items("/v1/bulletins"), key=lambda bulletin: bulletin["period"])
    page = api.text(f"/v1/bulletins/{newest['id']}.html")
    for name in PILOTS.values():
        check(name in page, f"{name} is not in the bulletin of {newest['period']}")
    print(f"bulletin of {newest['period']}: {len(page)} characters of HTML", flush=True)


def first_start(demo):
    process, api = demo.start("first start")
    with process:
        api.wait_until_ready(process)
        demo.sign_in(api)
        wait_for_campaign(api, process)
        poll_until("the notices' files", 60, lambda: len(demo.written_notices()) >= NOTICES, process)
        read_a_bulletin(api)
        process.stop()
    check(len(demo.written_notices()) == NOTICES, f"{len(demo.written_notices())} mails, expected {NOTICES}")


def second_start(demo):
    before = demo.written_notices()
    process, api = demo.start("second start")
    with process:
        api.wait_until_ready(process)
        demo.sign_in(api)
        time.sleep(WATCH_SECONDS)
        assert_campaign(api)
        process.stop()
    check(demo.written_notices() == before, "the second start wrote notices")


def main():
    with tempfile.TemporaryDirectory(prefix="qiaojian-demo-") as directory:
        demo = Demo(sys.argv[1:], directory)
        try:
            first_start(demo)
            second_start(demo)
        except Failed as failure:
            sys.exit(f"demo: {failure}")
    print("demo: seven notices for each pilot city, none added by the second start")


if __name__ == "__main__":
    main()
