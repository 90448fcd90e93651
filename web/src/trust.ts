// What must not be missed: loss, disagreement with the kernel's own figures, what was not recorded.
import type { Recording, ReconcileLine } from "./data";
import { figure, h, quoted } from "./dom";
import { bytes, count, duration, printable } from "./format";

export function trustBanner(recording: Recording, mark: string): HTMLElement {
  const { report } = recording;
  const failed = report.reconcile.filter((line) => line.agrees === false);
  const compared = report.reconcile.filter((line) => line.agrees !== null).length;
  const bad = report.loss.total > 0 || report.loss.cut_short || failed.length > 0;
  const words: string[] = [];
  if (report.loss.cut_short) words.push("The recording was cut short: what came after its last chunk is missing.");
  if (report.loss.total > 0) words.push(`${count(report.loss.total)} events were lost.`);
  for (const line of failed) words.push(`${line.what}: recorded ${text(line, line.recorded)}, the kernel says ${text(line, line.kernel)}.`);
  const known = new Set(words);
  for (const warning of report.summary.warnings) if (!known.has(warning)) words.push(printable(warning));
  const watched = Object.keys(report.loss.by_kind).length;
  const calm = watched > 0
    ? `Nothing was lost, and ${compared === 0 ? "there was nothing to compare with" : `all ${compared} figures that the kernel also keeps agree`}.`
    : "No loss is known of; this way of recording does not count it.";
  const unseen = report.missing.length > 0 ? ` Not recorded: ${report.missing.map((m) => m.what).join(", ")}.` : "";
  const warn = bad || report.summary.warnings.length > 0;
  return h("div", { class: `trust ${warn ? "bad" : "good"}`, role: warn ? "alert" : "status", "data-lost": report.loss.total },
    h("strong", {}, mark, warn ? "Mind: " : "✓ "),
    warn ? h("ul", {}, ...[...new Set(words)].map((w) => h("li", {}, w)), unseen ? h("li", {}, unseen.trim()) : null) : h("span", {}, calm, unseen),
    h("a", { href: "#trust" }, "details"));
}

function text(line: ReconcileLine, value: number): string {
  return line.unit === "bytes" ? bytes(value) : line.unit === "ns" ? duration(value) : count(value);
}

export function trustSection(recording: Recording): HTMLElement {
  const { report, picture } = recording;
  const missing = [...report.missing, ...picture.missing];
  if (recording.flame.stacks.length === 0 && !missing.some((m) => m.what === "samples")) {
    missing.push({ what: "samples", why: "stacks were not sampled" });
  }
  const losses = Object.entries(report.loss.by_kind);
  return h("div", {},
    report.reconcile.length > 0
      ? h("div", { class: "scroll" }, h("table", {}, h("caption", { class: "sr" }, "Cross-checks"),
          h("thead", {}, h("tr", {}, ...["figure", "here", "kernel", "may differ by", "agrees"].map((t, i) => h("th", { scope: "col", class: i ? "number" : "" }, t)))),
          h("tbody", {}, ...report.reconcile.map((line) => h("tr", { class: line.agrees === false ? "bad" : "", "data-check": line.what },
            h("th", { scope: "row" }, line.what, h("small", {}, printable(line.note))),
            h("td", { class: "number" }, figure(line.recorded, () => text(line, line.recorded))),
            h("td", { class: "number" }, figure(line.kernel, () => text(line, line.kernel))),
            h("td", { class: "number" }, text(line, line.tolerance)),
            h("td", { class: "number" }, line.agrees === null ? "?" : line.agrees ? "yes" : "NO"))))))
      : h("p", { class: "absent" }, "Cross-checks: the recording has nothing to compare with."),
    h("h3", {}, "Lost"),
    losses.length > 0
      ? h("div", { class: "losses" },
          h("ul", {}, ...losses.filter(([, n]) => n > 0).map(([kind, n]) => h("li", { class: "bad" }, figure(n, count), " ", printable(kind)))),
          h("p", { class: "note" }, losses.every(([, n]) => n === 0) ? "Nothing. " : "", "Counted, and none: ",
            losses.filter(([, n]) => n === 0).map(([kind]) => printable(kind)).join("; ") || "of no kind", "."))
      : h("p", { class: "absent" }, "This way of recording does not count loss."),
    report.loss.cut_short ? h("p", { class: "absent" }, "The recording was cut short.") : null,
    report.loss.notices.length > 0
      ? h("details", {}, h("summary", {}, `${report.loss.notices.length} notices`), h("ul", {}, ...report.loss.notices.map((n) => h("li", {}, `${printable(n.kind)} (${count(n.count)}): `, quoted(n.meaning)))))
      : null,
    h("h3", {}, "Not there"),
    missing.length > 0
      ? h("ul", { class: "missing" }, ...missing.map((m) => h("li", {}, h("code", {}, m.what), ": ", quoted(m.why))))
      : h("p", {}, "Nothing: every part of this report was recorded."),
    report.contradictions.length > 0
      ? h("details", {}, h("summary", {}, `${report.contradictions.length} contradictions in the recorded calls`), h("ul", {}, ...report.contradictions.slice(0, 100).map((c) => h("li", {}, quoted(c)))))
      : null);
}

export function findings(recording: Recording): HTMLElement {
  const fired = recording.report.findings.filter((f) => f.state === "fires");
  const quiet = recording.report.findings.filter((f) => f.state === "quiet");
  const open = recording.report.findings.filter((f) => f.state === "not_evaluated");
  return h("div", {},
    fired.length > 0
      ? h("ul", { class: "findings" }, ...fired.map((f) => h("li", { "data-finding": f.name }, h("strong", {}, f.name), h("p", {}, quoted(f.words, 600)), f.advice ? h("p", { class: "advice" }, quoted(f.advice, 600)) : null)))
      : h("p", {}, "Nothing to remark."),
    quiet.length > 0 ? h("details", {}, h("summary", {}, `${quiet.length} looked at, nothing to say`), h("ul", {}, ...quiet.map((f) => h("li", {}, f.name, ": ", quoted(f.words))))) : null,
    open.length > 0 ? h("details", {}, h("summary", {}, `${open.length} not evaluated`), h("ul", {}, ...open.map((f) => h("li", {}, f.name, ": lacks ", quoted(f.missing.join(", ")))))) : null);
}
