"""The table of scenarios and kernels in docs/lab.md, written by the run itself."""

import dataclasses
import json
import pathlib

BEGIN = "<!-- made by ./dev lab --all: begin -->"
END = "<!-- made by ./dev lab --all: end -->"


@dataclasses.dataclass(frozen=True)
class Row:
    """What one part of one boot came to on one kernel."""

    boot: str
    part: str
    kernel: str
    state: str  # pass, FAIL, skip
    why: str = ""  # of a skip
    release: str = ""
    checks: int = 0
    failures: list = dataclasses.field(default_factory=list)
    deviations: list = dataclasses.field(default_factory=list)
    figures: list = dataclasses.field(default_factory=list)
    skipped: list = dataclasses.field(default_factory=list)
    seconds: float = 0  # that the boot took, all its parts
    ended: str = ""  # how, where the boot did not come to its end

    @property
    def key(self):
        return (self.boot, self.part, self.kernel)


def remembered(folder):
    file = pathlib.Path(folder) / "rows.json"
    rows = json.loads(file.read_text()) if file.exists() else []
    return [Row(**row) for row in rows]


def remember(folder, rows):
    """Newer rows take the place of older ones of the same scenario."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    all_rows = {row.key: row for row in remembered(folder) + list(rows)}
    (folder / "rows.json").write_text(
        json.dumps([dataclasses.asdict(row) for row in all_rows.values()], indent=1))


def cell(boot, row, kernel):
    if kernel not in boot.kernels:
        return f"- {boot.not_on[kernel]}" if kernel in boot.not_on else "-"
    if row is None:
        return "not run"
    if row.state == "skip":
        return f"skip: {row.why}"
    if row.state == "pass":
        return f"pass, {row.checks}"
    return f"**{len(row.failures)} of {row.checks} fail**"


def render(boots, rows):
    by_key = {row.key: row for row in rows}
    names = list(dict.fromkeys(kernel for boot in boots for kernel in boot.kernels))
    releases = {row.kernel: row.release for row in rows if row.release}
    lines = ["| scenario | shows | " +
             " | ".join(f"{name} ({releases.get(name, 'not run')})" for name in names) + " |",
             "|---" * (2 + len(names)) + "|"]
    for boot in boots:
        for part in boot.parts:
            name = boot.name if len(boot.parts) == 1 else f"{boot.name}: {part.name}"
            cells = [cell(boot, by_key.get((boot.name, part.name, kernel)), kernel)
                     for kernel in names]
            lines.append(f"| {name} | {boot.shows} | " + " | ".join(cells) + " |")
    for title, field in (("Failed", "failures"), ("Deviations of the model", "deviations"),
                         ("Not shown, and why", "skipped"), ("Figures of the run", "figures")):
        found = [(row, text) for row in rows for text in getattr(row, field)]
        if found:
            lines += ["", f"{title}:", ""]
        for row, text in found:
            if isinstance(text, dict):
                text = f"{text['what']}: {text['detail']}"
            lines.append(f"- {row.boot}@{row.kernel}, {row.part}: " + " ".join(str(text).split())[:300])
    return "\n".join(lines)


def write(page, boots, rows):
    """Replaces what is between the markers of the page."""
    text = page.read_text()
    head, _, rest = text.partition(BEGIN)
    _, marker, tail = rest.partition(END)
    if not marker:
        raise ValueError(f"{page} has no markers for the table")
    page.write_text(f"{head}{BEGIN}\n{render(boots, rows)}\n{END}{tail}")
