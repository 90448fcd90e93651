// The sentence of the whole report as two bars: where the bytes are, and where the time is.
import { STAGE_COLOURS } from "./colours";
import type { Recording, Stage } from "./data";
import { figure, h } from "./dom";
import { bytes, count, duration, share } from "./format";
import type { State } from "./state";
import { select } from "./totals";

const MIB = 1024 * 1024;
const BYTE_STAGES = new Set(["reserve", "commit", "populate", "touch"]);

function bar(title: string, parts: { stage: Stage; value: number; text: string }[]): HTMLElement {
  const sum = parts.reduce((a, p) => a + p.value, 0);
  const row = h("div", { class: "bar", role: "img", "aria-label": `${title}: ${parts.map((p) => `${p.stage.name} ${p.text}`).join(", ")}` });
  for (const part of parts) {
    if (part.value <= 0) continue;
    const wide = (part.value / Math.max(sum, 1)) * 100;
    const piece = h("span", { title: `${part.stage.name}: ${part.text}, ${share(part.value / sum)}` },
      wide > 12 ? `${part.stage.name} ${share(part.value / sum)}` : "");
    piece.style.width = `${wide}%`;
    piece.style.background = STAGE_COLOURS[part.stage.name] ?? "#888";
    row.append(piece);
  }
  return h("div", { class: "bar-row" }, h("span", { class: "bar-title" }, title), row);
}

// "Reserving: 95 % of the bytes, 0.9 % of the time. Touching: ..."
export function costSentence(recording: Recording): string {
  const { stages } = recording.picture;
  const find = (name: string) => stages.find((s) => s.name === name);
  const [reserve, touch] = [find("reserve"), find("touch")];
  const asked = stages.filter((s) => BYTE_STAGES.has(s.name)).reduce((a, s) => a + s.bytes, 0);
  const spent = stages.reduce((a, s) => a + (s.ns ?? 0), 0);
  if (!reserve || !touch || asked === 0 || spent === 0) return "Each memory call and each page fault counts once.";
  const part = (name: string, s: Stage) => `${name}: ${share(s.bytes / asked)} of the bytes, ${share((s.ns ?? 0) / spent)} of the kernel's time. `;
  return part("Reserving", reserve) + (touch.ns === null ? "What touching cost was not recorded." : part("Touching", touch));
}

export function costBars(recordings: Recording[], state: State): HTMLElement {
  const holder = h("div", { class: "costs" });
  const render = () => {
    holder.replaceChildren(...recordings.map((recording, r) => stagesOf(recording, recordings.length > 1 ? `${"AB"[r]}: ` : "", state)));
  };
  state.on(["brush"], render);
  render();
  return holder;
}

function stagesOf(recording: Recording, mark: string, state: State): HTMLElement {
  const { stages } = recording.picture;
  const selected = state.brush ? select(recording, state.brush) : null;
  const value = (i: number) => (selected ? { count: selected.stages[i]!.count, ns: stages[i]!.ns === null ? null : selected.stages[i]!.ns } : stages[i]!);
  // Bytes can be told for the whole only: a call's length is not its time's share.
  const ofBytes = stages
    .filter((s) => BYTE_STAGES.has(s.name))
    .map((stage) => ({ stage, value: stage.bytes, text: bytes(stage.bytes) }));
  const ofTime = stages.map((stage, i) => ({ stage, value: value(i).ns ?? 0, text: value(i).ns === null ? "not known" : duration(value(i).ns!) }));
  const anyTime = stages.some((_, i) => value(i).ns !== null);
  const rows = stages.map((stage, i) => {
    const { count: n, ns } = value(i);
    const swatch = h("i", { class: "swatch" });
    swatch.style.background = STAGE_COLOURS[stage.name] ?? "#888";
    const known = stage.name !== "touch" || recording.report.faults.count !== null;
    const perMib = ns !== null && !selected && stage.bytes > 0 && stage.name !== "other" ? ns / (stage.bytes / MIB) : null;
    return h("tr", { "data-stage": stage.name },
      h("th", { scope: "row" }, swatch, stage.name, h("small", {}, stage.words)),
      h("td", { class: "number", "data-key": "count" }, figure(known ? n : null, count)),
      h("td", { class: "number", "data-key": "bytes" }, selected ? "" : figure(known ? stage.bytes : null, bytes)),
      h("td", { class: "number", "data-key": "ns" }, figure(ns, duration)),
      h("td", { class: "number" }, perMib === null ? "" : `${duration(perMib)} a MiB`));
  });
  return h("div", { class: "stages" },
    mark ? h("h3", {}, mark + recording.name) : null,
    bar("Bytes asked for", ofBytes),
    anyTime ? bar("Kernel time", ofTime) : h("p", { class: "absent" }, "Kernel time: the recording has no durations."),
    h("table", { class: "stage-table" },
      h("thead", {}, h("tr", {}, ...["step", "times", "bytes", "kernel time", "price"].map((t, i) =>
        h("th", { scope: "col", class: i ? "number" : "" }, t)))),
      h("tbody", {}, ...rows)));
}
