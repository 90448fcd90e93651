// Flame graph of sampled stacks: width is the number of samples, the outermost frame on top. A click
// shows one frame's part alone.
import { subsystemColour, withAlpha } from "./colours";
import type { Recording, Samples, StageTime } from "./data";
import { whyMissing } from "./data";
import { absent, emptyCanvas, h, pointIn, showTip } from "./dom";
import { count, duration, printable, share } from "./format";
import type { Span, State } from "./state";

const ROW = 18;

export interface Node {
  name: string;
  kernel: boolean;
  count: number;
  children: Map<string, Node>;
  parent: Node | null;
  depth: number;
}

// How many samples of each stack were taken in the selection; of all where there is none.
function countsOf(recording: Recording, selected: Span | null): number[] {
  const { stacks, samples } = recording.flame;
  if (!selected || !samples) return stacks.map((stack) => stack.count);
  const counts = stacks.map(() => 0);
  for (let i = 0; i < samples.rows; i++) {
    const ts = samples.us[i]! * 1000 + recording.shift;
    if (ts >= selected[0] && ts <= selected[1]) counts[samples.stack[i]!]!++;
  }
  return counts;
}

export function treeOf(recording: Recording, selected: Span | null): Node {
  const counts = countsOf(recording, selected);
  const root: Node = { name: "all samples", kernel: false, count: 0, children: new Map(), parent: null, depth: 0 };
  recording.flame.stacks.forEach((stack, s) => {
    const samples = counts[s]!;
    if (samples === 0) return;
    let node = root;
    node.count += samples;
    stack.frames.forEach((frame, i) => {
      const kernel = i >= stack.kernel_from;
      const key = `${kernel ? "k" : "u"}${frame}`;
      let child = node.children.get(key);
      if (!child) {
        child = { name: recording.flame.names[frame] ?? "", kernel, count: 0, children: new Map(), parent: node, depth: node.depth + 1 };
        node.children.set(key, child);
      }
      child.count += samples;
      node = child;
    });
  });
  return root;
}

export function flameGraph(recording: Recording, state: State): HTMLElement {
  const { samples } = recording.report;
  if (recording.flame.stacks.length === 0) return absent("Flame graph", whyMissing(recording, "samples") === "not recorded" ? "stacks were not sampled" : whyMissing(recording, "samples"));
  let root = treeOf(recording, state.brush);
  let top = root;
  const canvas = h("canvas", { class: "flame", tabindex: "0", role: "img" });
  const name = () => {
    canvas.setAttribute("aria-label", `Flame graph of ${count(root.count)} samples`);
    canvas.dataset.samples = String(root.count);
  };
  name();
  const tip = h("div", { class: "tip", hidden: true });
  let boxes: { node: Node; x: number; y: number; w: number }[] = [];
  const draw = () => {
    if (!canvas.parentElement?.clientWidth) return;
    const wide = canvas.parentElement.clientWidth;
    boxes = [];
    let deepest = 0;
    const place = (node: Node, x: number, w: number) => {
      const row = node.depth - top.depth;
      boxes.push({ node, x, y: row * ROW, w });
      deepest = Math.max(deepest, row);
      let at = x;
      for (const child of [...node.children.values()].sort((a, b) => b.count - a.count)) {
        const width = (child.count / node.count) * w;
        if (width >= 0.7) place(child, at, width);
        at += width;
      }
    };
    place(top, 0, wide);
    const context = emptyCanvas(canvas, wide, (deepest + 1) * ROW + 2);
    context.font = "11px system-ui, sans-serif";
    context.textBaseline = "middle";
    for (const { node, x, y, w } of boxes) {
      const colour = node.depth === 0 ? "#8a8f98" : node.kernel ? "#d55e00" : subsystemColour("GC mark bitmap");
      context.fillStyle = withAlpha(colour, 0.55 + 0.35 * ((hash(node.name) % 100) / 100));
      context.fillRect(x, y, Math.max(w - 0.6, 0.5), ROW - 1);
      if (w < 30) continue;
      context.fillStyle = "#101418";
      context.save();
      context.beginPath();
      context.rect(x, y, w - 4, ROW);
      context.clip();
      context.fillText(printable(node.name, 200), x + 4, y + ROW / 2);
      context.restore();
    }
  };
  const under = (event: MouseEvent) => {
    const { x, y } = pointIn(canvas, event);
    return boxes.find((b) => x >= b.x && x < b.x + b.w && y >= b.y && y < b.y + ROW);
  };
  canvas.addEventListener("pointermove", (event) => {
    const found = under(event);
    tip.hidden = !found;
    if (!found) return;
    const words = `${printable(found.node.name, 300)}: ${count(found.node.count)} samples, ${share(found.node.count / root.count)} of all`;
    showTip(tip, pointIn(canvas, event), [[words]]);
  });
  canvas.addEventListener("pointerleave", () => (tip.hidden = true));
  canvas.addEventListener("click", (event) => {
    top = under(event)?.node ?? root;
    draw();
  });
  canvas.addEventListener("keydown", (event) => {
    const largest = [...top.children.values()].sort((a, b) => b.count - a.count)[0];
    if (event.key === "ArrowDown" && largest) top = largest;
    else if (event.key === "ArrowUp" && top.parent) top = top.parent;
    else if (event.key === "Escape") top = root;
    else return;
    event.preventDefault();
    draw();
  });
  state.on(["theme", "size"], draw);
  state.on(["brush"], () => {
    top = root = treeOf(recording, state.brush);
    name();
    draw();
  });
  state.onceLaidOut(draw);
  const stages = recording.report.stages ?? [];
  const parts = samples?.by_subsystem ?? [];
  return h("div", {},
    samples ? h("p", {}, `${count(samples.taken)} samples (${samples.event}), ${count(samples.kernel)} of them in the kernel: ${duration(samples.kernel_ns)} ± ${duration(samples.kernel_error_ns)}.`) : null,
    stageTable(recording, state),
    parts.length > 0 ? h("p", { class: "unselected" }, "The selection does not reach this table: it is of the whole recording.") : null,
    parts.length > 0 ? stagesBySubsystem(parts, stages.map((s) => s.name)) : null,
    h("div", { class: "map-canvas" }, canvas, tip),
    h("p", { class: "legend" }, h("span", { class: "key" }, h("i", { class: "swatch kernel" }), "kernel"), h("span", { class: "key" }, h("i", { class: "swatch user" }), "program"),
      h("span", { class: "note" }, "Click a frame to see its part, the top one to go back. Keys: ↓ ↑ Escape." +
        (recording.flame.left_out > 0 ? ` ${count(recording.flame.left_out)} samples of rare stacks are left out.` : ""))));
}

// Of the selection as the report's own: a share of all samples, with the error that chance leaves.
function stagesIn(recording: Recording, selected: Span): StageTime[] {
  const { samples } = recording.report;
  const counts = countsOf(recording, selected);
  const byStage = new Map<string, number>();
  recording.flame.stacks.forEach((stack, i) => {
    if (stack.stage !== "user" && counts[i]! > 0) byStage.set(stack.stage, (byStage.get(stack.stage) ?? 0) + counts[i]!);
  });
  const kernel = [...byStage.values()].reduce((a, b) => a + b, 0);
  const each = samples?.each_ns ?? 0;
  const taken = Math.max(samples?.taken ?? 0, 1);
  return [...byStage].sort((a, b) => b[1] - a[1])
    .map(([name, n]) => ({ name, samples: n, ns: n * each, error_ns: 1.96 * each * Math.sqrt(n * (1 - n / taken)), share: n / kernel }));
}

function stageTable(recording: Recording, state: State): HTMLElement {
  const whole = recording.report.stages ?? [];
  const order = whole.map((stage) => stage.name);
  const holder = h("div", {});
  const fill = () => {
    const selected = state.brush && recording.flame.samples ? state.brush : null;
    const stages = selected ? stagesIn(recording, selected) : whole;
    const words = selected ? h("p", { class: "filtered" }, `Samples from ${duration(selected[0])} to ${duration(selected[1])}.`)
      : state.brush ? h("p", { class: "filtered" }, "There are too many samples for the page to hold their times: these are of the whole recording.") : null;
    holder.replaceChildren(...[words, stages.length > 0
      ? h("table", {}, h("thead", {}, h("tr", {}, ...["stage of the kernel", "samples", "time", "share"].map((t, i) => h("th", { scope: "col", class: i ? "number" : "" }, t)))),
          h("tbody", {}, ...stages.map((s) => h("tr", { "data-stage-of-kernel": s.name }, h("th", { scope: "row" }, stageSwatch(s.name, order), s.name),
            h("td", { class: "number", "data-value": s.samples }, count(s.samples)),
            h("td", { class: "number" }, `${duration(s.ns)} ± ${duration(s.error_ns)}`), h("td", { class: "number" }, share(s.share))))))
      : null].filter((part) => part !== null));
  };
  state.on(["brush"], fill);
  fill();
  return holder;
}

const STAGE_PALETTE = ["#d55e00", "#0072b2", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#c7b400", "#8d7fb8", "#98887a", "#8a8f98"];

function stageColour(name: string, order: string[]): string {
  return STAGE_PALETTE[Math.max(order.indexOf(name), 0) % STAGE_PALETTE.length]!;
}

function stageSwatch(name: string, order: string[]): HTMLElement {
  const swatch = h("i", { class: "swatch" });
  swatch.style.background = stageColour(name, order);
  return swatch;
}

// For each subsystem's page faults and memory calls: which stages of the kernel they were in.
function stagesBySubsystem(parts: Samples["by_subsystem"], order: string[]): HTMLElement {
  const most = Math.max(...parts.map((p) => p.ns), 1);
  return h("table", { class: "bars" }, h("caption", {}, "Page faults and memory calls of each subsystem by stage, from samples"),
    h("tbody", {}, ...parts.map((part) => {
      const strip = h("span", { class: "strip" });
      strip.style.width = `${(part.ns / most) * 100}%`;
      for (const stage of part.stages) {
        const piece = h("i", { title: `${stage.name}: ${duration(stage.ns)} ± ${duration(stage.error_ns)}, ${share(stage.share)}` });
        piece.style.width = `${(stage.ns / Math.max(part.ns, 1)) * 100}%`;
        piece.style.background = stageColour(stage.name, order);
        strip.append(piece);
      }
      const largest = part.stages[0];
      return h("tr", {}, h("th", { scope: "row" }, part.name), h("td", { class: "number" }, `${duration(part.ns)} ± ${duration(part.error_ns)}`),
        h("td", { class: "wide" }, strip, largest ? h("small", {}, `mostly ${largest.name}, ${share(largest.share)}`) : null));
    })));
}

function hash(text: string): number {
  let value = 7;
  for (let i = 0; i < text.length; i++) value = (value * 31 + text.charCodeAt(i)) >>> 0;
  return value;
}
