"""Checks of the documents: what a reader copies is the same in both languages, what is linked is there, and every
setting that the binary knows is described (and no other)."""

import argparse
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
COMMANDS = re.compile(r"^Commands:\n((?:[ \t]+.*\n?|\n(?=[ \t]))+)", re.MULTILINE)
COMMAND = re.compile(r"^ {2}([a-z][a-z-]*)(?:\s|$)", re.MULTILINE)


def code_blocks(text):
    """Fenced blocks as (language, lines), without comments: those are translated. `text` blocks are prose."""
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
    """The ids that a forge gives the headings of a document."""
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


def settings_of(binary, *command):
    """The variables that the help of a command names, and that of every command below it."""
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


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--settings-of", metavar="BINARY", help="check the described settings instead")
    binary = options.parse_args().settings_of
    problems = list(settings_problems(binary) if binary else document_problems())
    for problem in problems:
        print(problem)
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
