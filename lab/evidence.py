"""What a guest left behind, read on the host. Nothing here judges."""

import dataclasses
import json
import pathlib
import re
import subprocess


class Missing(Exception):
    """Evidence that the guest should have left and did not."""


@dataclasses.dataclass(frozen=True)
class Area:
    """A line of numa_maps."""

    start: int
    policy: str
    page_bytes: int
    nodes: dict  # node -> pages
    words: frozenset

    def bytes_by_node(self):
        return {node: pages * self.page_bytes for node, pages in self.nodes.items()}


# The policy may hold a blank: "prefer (many):0", "weighted interleave:0-1".
LINE = re.compile(r"^([0-9a-f]+) (prefer \(many\)\S*|weighted interleave\S*|\S+)(.*)$")


def parse_numa_maps(text):
    areas = []
    for line in text.splitlines():
        match = LINE.match(line)
        if not match:
            raise Missing(f"numa_maps: not understood: {line!r}")
        words = match[3].split()
        pairs = dict(word.split("=", 1) for word in words if "=" in word)
        nodes = {int(key[1:]): int(value) for key, value in pairs.items()
                 if re.fullmatch(r"N\d+", key)}
        areas.append(Area(int(match[1], 16), match[2],
                          int(pairs.get("kernelpagesize_kB", 4)) * 1024, nodes,
                          frozenset(word for word in words if "=" not in word)))
    return areas


def parse_counts(text):
    """Lines of "name number", as vmstat, memory.events and numastat have."""
    found = {}
    for line in text.splitlines():
        words = line.replace(":", " ").split()
        if len(words) >= 2 and words[1].isdigit():
            found[words[0]] = int(words[1])
    return found


def parse_smaps(text):
    """A dictionary of byte counts for each area: {"start", "end", "name", "Rss", ...}."""
    areas = []
    for line in text.splitlines():
        head = re.match(r"^([0-9a-f]+)-([0-9a-f]+) \S+ \S+ \S+ \d+\s*(.*)$", line)
        if head:
            areas.append({"start": int(head[1], 16), "end": int(head[2], 16), "name": head[3]})
            continue
        size = re.match(r"^(\w+):\s+(\d+) kB$", line)
        if size and areas:
            areas[-1][size[1]] = int(size[2]) * 1024
    return areas


class Evidence:
    """The folder a part of a boot left, and the tool under test to read its recordings with."""

    def __init__(self, folder, firsttouch, kernel):
        self.folder = pathlib.Path(folder)
        self.firsttouch = firsttouch
        self.kernel = kernel  # "6.12"

    def has(self, name):
        return (self.folder / name).exists()

    def path(self, name):
        if not self.has(name):
            raise Missing(f"the guest left no {name}")
        return self.folder / name

    def text(self, name):
        return self.path(name).read_text(errors="replace")

    def json(self, name):
        try:
            return json.loads(self.text(name))
        except json.JSONDecodeError as error:
            raise Missing(f"{name} is no JSON: {error}; {self.errors_of(name)}") from error

    def errors_of(self, name):
        return self.text(name + ".err").strip() if self.has(name + ".err") else ""

    def status(self, name):
        return int(self.text(name + ".rc"))

    def counts(self, name):
        return parse_counts(self.text(name))

    def change(self, before, after):
        """What the counters of two looks at the same file differ by."""
        old, new = self.counts(before), self.counts(after)
        return {key: value - old[key] for key, value in new.items() if key in old}

    def run(self, *arguments):
        """firsttouch, on the host: (exit status, standard output, standard error)."""
        done = subprocess.run([self.firsttouch, *map(str, arguments)], capture_output=True,
                              text=True, check=False, timeout=120)
        return done.returncode, done.stdout, done.stderr.strip()

    def ask(self, *arguments):
        """The JSON that a command of firsttouch answers with; its status does not matter."""
        status, out, err = self.run(*arguments, "--format", "json")
        try:
            return json.loads(out)
        except json.JSONDecodeError as error:
            raise Missing(f"firsttouch {' '.join(map(str, arguments))}: status {status}, "
                          f"{err or error}") from error

    def rows(self, recording, sql):
        return self.ask("query", self.path(recording), sql)
