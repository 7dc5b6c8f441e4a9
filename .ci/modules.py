"""Checks that the modules of each crate depend on each other without circles.

Looks at the modules that a crate's root declares, with everything below them as one. An edge is a path that starts at the crate's root, written
`crate::module` or `super::module`; names that the root re-exports count for the module they come from. Tests do not count. Crates cannot form
circles: cargo refuses them.

    python3 .ci/modules.py
"""

import collections
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
CRATES = ["api", "cli", "shared/documents", "shared/domain", "shared/sheets", "shared/store", "worker"]

# Circles that are known and still have to be opened. One that is gone must be removed here.
KNOWN = {
    "shared/store": [["areas", "organizations"], ["bulletins", "deliveries", "endpoints", "notices"]],
}


def names_after(text, prefix):
    """Yields the first segment of every path that starts with `prefix`, also within braces."""
    for match in re.finditer(r"(?<![\w:])" + prefix + r"::(\{)?", text):
        rest = text[match.end() :]
        if not match.group(1):
            if name := re.match(r"\w+", rest):
                yield name.group(0)
            continue
        depth, start = 1, ""
        for character in rest:
            depth += {"{": 1, "}": -1}.get(character, 0)
            if depth == 0:
                break
            if depth == 1:
                start += character
        yield from (name.group(0) for item in start.split(",") if (name := re.match(r"\w+", item.strip())))


def code_of(path):
    """Returns the text of a file without comments and unit tests."""
    text = re.sub(r"#\[cfg\(test\)\]\nmod tests \{.*", "", path.read_text(), flags=re.S)
    return re.sub(r"//[^\n]*", "", text)


def dependencies(source):
    """Returns, for each module of the root, the modules it names."""
    root = next(path for name in ("lib.rs", "main.rs") if (path := source / name).exists()).read_text()
    modules = set(re.findall(r"^(?:pub(?:\([^)]*\))? )?mod (\w+);", root, re.M))
    exported = {}
    for home, names in re.findall(r"^pub(?:\([^)]*\))? use (?:crate::|self::)?(\w+)::(\{[^}]*\}|\w+)", root, re.M):
        exported.update(dict.fromkeys(re.findall(r"\w+", names), home))
    edges = {module: set() for module in modules}
    for path in source.rglob("*.rs"):
        parts = path.relative_to(source).parts
        module = parts[0].removesuffix(".rs")
        if module not in modules or "tests" in path.stem:
            continue
        text = code_of(path)
        depth = len(parts) - (parts[-1] == "mod.rs")
        to_root = "::".join(["super"] * depth) + r"(?!::super)"
        for name in {*names_after(text, "crate"), *names_after(text, to_root)}:
            target = name if name in modules else exported.get(name)
            if target in modules and target != module:
                edges[module].add(target)
    return edges


def circles(edges):
    """Returns the groups of modules that reach each other."""

    def reachable(module):
        seen, waiting = set(), [module]
        while waiting:
            for target in edges[waiting.pop()] - seen:
                seen.add(target)
                waiting.append(target)
        return seen

    reach = {module: reachable(module) for module in edges}
    groups = {tuple(sorted(other for other in edges if other in reach[m] and m in reach[other])) for m in edges}
    return sorted(list(group) for group in groups if len(group) > 1)


def main():
    # The rule is worth something only if it refuses.
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [["a", "b", "c"]]
    wrong, count = [], collections.Counter()
    for crate in CRATES:
        edges = dependencies(ROOT / crate / "src")
        count.update(modules=len(edges), edges=sum(map(len, edges.values())))
        found, known = circles(edges), KNOWN.get(crate, [])
        wrong += [f"{crate}: a circle of modules: {', '.join(circle)}" for circle in found if circle not in known]
        wrong += [f"{crate}: no longer a circle, remove it: {', '.join(circle)}" for circle in known if circle not in found]
    print("\n".join(wrong) or f"{count['modules']} modules, {count['edges']} dependencies, no new circles")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
