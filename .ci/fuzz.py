"""Sends random valid and invalid requests, generated from the OpenAPI document (schemathesis), to a running service: as
the province, then as a county. No response may be a server error, or have a status, a content type or a schema that the
document does not declare.

usage: fuzz.py BINARY [--database-url URL] [--seconds N] [--max-examples N] [--seed N] [--tools DIR]
(URL: an empty PostgreSQL database; default: embedded SQLite)
"""

import argparse
import json
import re
import sys
import tempfile
from pathlib import Path

from service import Api, Failed, Process, check, free_port, wait_for_campaign
from tools import python_with, run

SCHEMATHESIS = "schemathesis==4.32.5"
CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "missing_required_header",
]
# These requests would revoke the caller's own access.
NOT_ASKED = r"^/v1/tokens/\{id\}/(revoke|rotate)$|^/oauth/revoke$"
COUNTY = "340304"
# Additional time for the tool: to read the document, and to complete the requests it has started.
GRACE_SECONDS = 240
CASES = re.compile(r"([\d,]+) generated")


def rows_to_ask_for(api):
    """One row of each kind, for paths with an `{id}`: a random id would match no row."""
    lists = [
        "organizations", "programs", "tasks", "assignments", "bulletins", "notices", "schedules", "endpoints",
        "deliveries", "tokens",
    ]
    return {noun: rows[-1]["id"] for noun in lists if (rows := api.items(f"/v1/{noun}"))}


def write_config(path, rows):
    lines = ["[checks.missing_required_header]", "expected-statuses = [400, 401, 403, 404, 428]"]
    lines += ["[[operations]]", r'include-path-regex = "^/v1/areas/\\{code\\}"', f'parameters = {{ "path.code" = "{COUNTY}" }}']
    for noun, row in rows.items():
        lines += ["[[operations]]", rf'include-path-regex = "^/v1/{noun}/\\{{id\\}}"', f'parameters = {{ "path.id" = "{row}" }}']
    path.write_text("\n".join(lines) + "\n")


def sign_in(base, credentials):
    api = Api(base)
    api.sign_in(credentials["client_id"], credentials["client_secret"])
    return api


def fuzz(programs, directory, api, options, who, config):
    """Runs the tool once, as one caller."""
    command = [programs / "schemathesis", "--config-file", config, "run", f"{api.base_url}/openapi.json"]
    command += ["--header", f"Authorization: Bearer {api.token}"]
    command += ["--checks", ",".join(CHECKS), "--exclude-path-regex", NOT_ASKED, "--continue-on-failure"]
    command += ["--workers", "2", "--request-timeout", "60", "--no-color", "--warnings", "off", "--seed", str(options.seed)]
    command += ["--max-time", str(options.seconds)]
    if options.max_examples:
        command += ["--max-examples", str(options.max_examples)]
    said = run(command, options.seconds + GRACE_SECONDS, cwd=directory)
    cases = CASES.findall(said)
    print(f"fuzz: as {who}: {cases[-1] if cases else 'no'} cases, nothing found", flush=True)
    check(cases, said[-4000:])


def start(options, directory):
    settings = {"DATABASE_URL": options.database_url} if options.database_url else {}
    address = f"127.0.0.1:{free_port()}"
    command = [options.binary, "up", "--data-dir", str(directory / "data"), "--listen", address]
    return Process("the service", command, directory / "log", settings), f"http://{address}"


def fuzz_service(options, directory):
    programs = python_with(options.tools or directory / "tools", SCHEMATHESIS)
    process, base = start(options, directory)
    with process:
        Api(base).wait_until_ready(process)
        province = sign_in(base, json.loads((directory / "data/admin-credentials.json").read_text()))
        wait_for_campaign(province, process)
        label = {"label": "fuzz", "area": COUNTY, "role": "county_reporter"}
        county = sign_in(base, json.loads(province.post("/v1/tokens", label)))
        rows = rows_to_ask_for(province)
        config = directory / "schemathesis.toml"
        write_config(config, rows)
        fuzz(programs, directory, province, options, "the province", config)
        write_config(config, {})
        fuzz(programs, directory, county, options, "a county", config)
        process.stop()


def main():
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("binary", help="the built `qiaojian`")
    asked.add_argument("--database-url", help="an empty PostgreSQL database")
    asked.add_argument("--seconds", type=int, default=80, help="how long requests are sent as each of the two callers")
    asked.add_argument("--max-examples", type=int, help="the maximum number of cases for each operation and phase")
    asked.add_argument("--seed", type=int, default=1, help="determines which requests are generated")
    asked.add_argument("--tools", type=Path, help="where the tool is installed; default: a temporary folder")
    options = asked.parse_args()
    with tempfile.TemporaryDirectory(prefix="qiaojian-fuzz-") as directory:
        try:
            fuzz_service(options, Path(directory))
        except Failed as failure:
            sys.exit(f"fuzz: {failure}")


if __name__ == "__main__":
    main()
