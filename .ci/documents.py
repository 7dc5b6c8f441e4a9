"""Checks the documents: code blocks are the same in both languages, links resolve, and exactly the settings that the
binary knows are described. The table of routes in docs/API.md is generated from docs/openapi.json, in which each type of
the API must have a unique name."""

import argparse
import collections
import json
import re
import subprocess
import sys
import unicodedata
from pathlib import Path
from urllib.parse import unquote

ROOT = Path(__file__).resolve().parent.parent
FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})[ \t]*(\S*).*?\n(.*?)^ {0,3}\1[ \t]*$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"!?\[[^\]]*\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)")
HEADING = re.compile(r"^#{1,6}[ \t]+(.+?)[ \t]*#*$", re.MULTILINE)
SETTING = re.compile(r"\bQIAOJIAN_[A-Z_]+\b")
ROUTES = re.compile(r"(?<=<!-- routes: \.ci/documents\.py --write-routes -->\n).*?(?=<!-- end of routes -->)", re.DOTALL)
SENTENCE = re.compile(r"\.\s+(?=[A-Z`\u4e00-\u9fff])|\.$")
DERIVED = re.compile(
    r"derive\([^)]*\bToSchema\b[^)]*\)\]((?:\s*#\[[^\n]*\]|\s*//[^\n]*)*)\s*(?:pub(?:\([a-z]+\))? )?(?:struct|enum) (\w+)"
)
WORDS = re.compile(r"^text_enum! \{.*?\benum (\w+)", re.DOTALL | re.MULTILINE)
RENAMED = re.compile(r"schema\([^)]*\bas = (\w+)")
COMMANDS = re.compile(r"^Commands:\n((?:[ \t]+.*\n?|\n(?=[ \t]))+)", re.MULTILINE)
COMMAND = re.compile(r"^ {2}([a-z][a-z-]*)(?:\s|$)", re.MULTILINE)


def code_blocks(text):
    """Fenced blocks as (language, lines), without comments, which are translated. `text` blocks are prose."""
    blocks = []
    for _, language, body in FENCE.findall(text):
        if language != "text":
            lines = [re.sub(r"(^|\s+)#\s.*$", "", line).rstrip() for line in body.splitlines()]
            blocks.append((language, [line for line in lines if line]))
    return blocks


def compare_readmes(english, chinese):
    left, right = code_blocks(english.read_text()), code_blocks(chinese.read_text())
    if len(left) != len(right):
        yield f"{english.name} has {len(left)} code blocks, {chinese.name} has {len(right)}"
    for number, (a, b) in enumerate(zip(left, right), start=1):
        if a != b:
            yield f"code block {number} differs between {english.name} and {chinese.name}:\n    {a}\n    {b}"


def anchors(text):
    """The ids that a code hosting site generates for the headings of a document."""
    seen = {}
    for heading in HEADING.findall(FENCE.sub("", text)):
        plain = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        kept = (c for c in plain if c in " -_" or unicodedata.category(c)[0] in "LNM")
        slug = "".join(kept).replace(" ", "-")
        count = seen[slug] = seen.get(slug, -1) + 1
        yield slug if count == 0 else f"{slug}-{count}"


def broken_links(document):
    text = document.read_text()
    prose = re.sub(r"`[^`\n]*`", "", FENCE.sub("", text))
    for target in LINK.findall(prose):
        if re.match(r"[a-z][a-z0-9+.-]*:", target):
            continue
        path, _, fragment = unquote(target).partition("#")
        linked = (document.parent / path) if path else document
        name = document.relative_to(ROOT)
        if not linked.resolve().is_relative_to(ROOT) or not linked.exists():
            yield f"{name}: {target} is not in the repository"
        elif fragment and linked.suffix == ".md" and fragment not in set(anchors(linked.read_text())):
            yield f"{name}: {target}: no such heading"


def route_rows(document):
    """One row for each operation: call, scope, what it does, and the query parameters except those of every list."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            scopes = [scope for way in operation["security"] for scope in way.get("oauth", [])]
            asked = [p["name"] for p in operation.get("parameters", []) if p["in"] == "query"]
            names = ", ".join(f"`{name}`" for name in asked if name not in ("limit", "cursor"))
            does = " ".join(SENTENCE.split(operation["summary"], maxsplit=1)[0].split()).replace("|", "\\|")
            scope = ", ".join(f"`{scope}`" for scope in scopes) or "—"
            yield f"| `{method.upper()} {path}` | {scope} | {does}{f' ({names})' if names else ''} |"


def routes_table():
    document = json.loads((ROOT / "docs/openapi.json").read_text())
    head = ["| call | scope | what it does |", "|---|---|---|"]
    return "\n".join([*head, *route_rows(document)]) + "\n"


def route_problems():
    written = ROUTES.search((ROOT / "docs/API.md").read_text())
    if not written or written.group() != routes_table():
        yield "docs/API.md: the routes are not those of docs/openapi.json: python3 .ci/documents.py --write-routes"


def write_routes():
    path = ROOT / "docs/API.md"
    path.write_text(ROUTES.sub(lambda _: routes_table(), path.read_text(), count=1))


def schema_name_problems():
    """Two types with the same name: the document would contain only one of them. Types that no request and no response
    uses are not in the document, so only those that are in it are checked."""
    known = json.loads((ROOT / "docs/openapi.json").read_text())["components"]["schemas"]
    found = collections.defaultdict(list)
    for source in sorted([*ROOT.glob("api/src/**/*.rs"), *ROOT.glob("shared/*/src/**/*.rs")]):
        text = source.read_text()
        for attributes, name in DERIVED.findall(text):
            renamed = RENAMED.search(attributes)
            found[renamed.group(1) if renamed else name].append(source.relative_to(ROOT))
        for name in WORDS.findall(text):
            found[name].append(source.relative_to(ROOT))
    for name, sources in found.items():
        if name in known and len(sources) > 1:
            yield f"the schema {name} is declared in {', '.join(map(str, sources))}: name one by #[schema(as = …)]"


def settings_of(binary, *command):
    """The variables named in the help of a command and of all its subcommands."""
    shown = subprocess.run([binary, *command, "--help"], capture_output=True, text=True, check=True).stdout
    found = set(SETTING.findall(shown))
    listed = COMMANDS.search(shown)
    for name in COMMAND.findall(listed.group(1)) if listed else []:
        if name != "help":
            found |= settings_of(binary, *command, name)
    return found


def settings_problems(binary):
    """Compares the environment variables that `--help` names with those that docs/OPERATIONS.md describes."""
    known = settings_of(binary)
    described = set(SETTING.findall((ROOT / "docs/OPERATIONS.md").read_text()))
    yield from (f"docs/OPERATIONS.md does not describe {name}" for name in sorted(known - described))
    yield from (f"docs/OPERATIONS.md describes {name}, which no --help names" for name in sorted(described - known))


def document_problems():
    listed = subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True)
    documents = [ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).exists()]
    for required in ["README.md", "README.zh-CN.md", "CHANGELOG.md", "docs/ARCHITECTURE.md", "docs/OPERATIONS.md"]:
        if not (ROOT / required).exists():
            yield f"{required} is missing"
    if (ROOT / "README.md").exists() and (ROOT / "README.zh-CN.md").exists():
        yield from compare_readmes(ROOT / "README.md", ROOT / "README.zh-CN.md")
    for document in documents:
        yield from broken_links(document)
    yield from route_problems()
    yield from schema_name_problems()


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--settings-of", metavar="BINARY", help="check the described settings instead")
    options.add_argument("--write-routes", action="store_true", help="write the table of routes in docs/API.md anew")
    asked = options.parse_args()
    if asked.write_routes:
        write_routes()
        return
    binary = asked.settings_of
    problems = list(settings_problems(binary) if binary else document_problems())
    for problem in problems:
        print(problem)
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
