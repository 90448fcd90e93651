// Latency of page faults over time: how many there were of each kind, by how long they took, on a
// logarithmic scale. One strip a kind, so that a slow kind is not hidden behind a frequent one.
import { heatColour, theme } from "./colours";
import type { Recording } from "./data";
import { whyMissing } from "./data";
import { absent, emptyCanvas, h, pointIn, showTip } from "./dom";
import { count, duration } from "./format";
import type { State } from "./state";
import { GUTTER, TimeScale } from "./timescale";

const STRIP = 84;
const GAP = 12;
const LOW = 12; // steps of half an octave: from 64 ns ...
const HIGH = 52; // ... to 67 ms; what lies beyond is drawn at the edge

export function latencyHeat(recording: Recording, state: State): HTMLElement {
  const latency = recording.picture.latency;
  if (!latency) return absent("Latency over time", whyMissing(recording, "faults"));
  const steps = recording.picture.latency_steps;
  const { entries } = latency;
  const sums = latency.rows.map(() => 0);
  let most = 1;
  for (let i = 0; i < entries.rows; i++) {
    sums[Math.floor(entries.row[i]! / steps)]! += entries.count[i]!;
    most = Math.max(most, entries.count[i]!);
  }
  const kinds = [...latency.rows.keys()].filter((k) => sums[k]! > 0).sort((a, b) => sums[b]! - sums[a]!);
  if (kinds.length === 0) return absent("Latency over time", "no page fault was finished");
  const canvas = h("canvas", { class: "heat", role: "img", tabindex: "0",
    "aria-label": "Latency of page faults over time: " + kinds.map((k) => `${latency.rows[k]} ${count(sums[k]!)}`).join("; ") });
  const tip = h("div", { class: "tip", hidden: true });
  const height = kinds.length * (STRIP + GAP) + 24;
  const clamp = (step: number) => Math.min(Math.max(step, LOW), HIGH - 1);
  const plot = new TimeScale(state);
  const y = (strip: number, step: number) => 4 + strip * (STRIP + GAP) + STRIP - ((step - LOW) / (HIGH - LOW)) * STRIP;

  const draw = () => {
    if (!canvas.parentElement?.clientWidth) return;
    plot.wide = canvas.parentElement.clientWidth;
    const context = emptyCanvas(canvas, plot.wide, height);
    const colours = theme();
    context.font = "11px system-ui, sans-serif";
    context.textBaseline = "middle";
    kinds.forEach((kind, strip) => {
      const top = y(strip, HIGH);
      context.fillStyle = colours.dark ? "#0f1216" : "#f3f1ea";
      context.fillRect(GUTTER, top, plot.plotWidth, STRIP);
      context.textAlign = "right";
      context.fillStyle = colours.text;
      wrap(context, latency.rows[kind]!, GUTTER - 58, top + 8, 104);
      context.fillStyle = colours.dim;
      for (const [ns, text] of [[1e3, "1 µs"], [1e4, "10 µs"], [1e5, "0.1 ms"], [1e6, "1 ms"], [1e7, "10 ms"]] as const) {
        const at = y(strip, 2 * Math.log2(ns));
        context.fillText(text, GUTTER - 8, at);
        context.fillRect(GUTTER, at, plot.plotWidth, 0.3);
      }
    });
    plot.drawGrid(context, height - 22, height - 18, height - 9);
    context.save();
    context.beginPath();
    context.rect(GUTTER, 0, plot.plotWidth, height);
    context.clip();
    const full = Math.log(most + 1);
    for (let i = 0; i < entries.rows; i++) {
      const strip = kinds.indexOf(Math.floor(entries.row[i]! / steps));
      const step = clamp(entries.row[i]! % steps);
      const from = latency.startNs + entries.bin[i]! * latency.binNs;
      if (from > state.view[1] || from + latency.binNs < state.view[0]) continue;
      const faded = state.brush && (from + latency.binNs < state.brush[0] || from > state.brush[1]);
      const [r, g, b] = heatColour(0.15 + 0.85 * (Math.log(entries.count[i]! + 1) / full));
      context.fillStyle = `rgba(${r},${g},${b},${faded ? 0.15 : 1})`;
      const x0 = plot.x(from);
      context.fillRect(x0, y(strip, step + 1), Math.max(plot.x(from + latency.binNs) - x0, 1), STRIP / (HIGH - LOW) + 0.3);
    }
    context.restore();
  };
  canvas.addEventListener("pointermove", (event) => {
    const { x: px, y: py } = pointIn(canvas, event);
    const strip = Math.floor((py - 4) / (STRIP + GAP));
    const kind = kinds[strip];
    const bin = Math.floor((plot.time(px) - latency.startNs) / latency.binNs);
    const step = Math.floor(LOW + ((y(strip, LOW) - py) / STRIP) * (HIGH - LOW));
    let n = 0;
    for (let i = 0; i < entries.rows; i++) {
      if (kind !== undefined && entries.bin[i] === bin && Math.floor(entries.row[i]! / steps) === kind && clamp(entries.row[i]! % steps) === step) n += entries.count[i]!;
    }
    tip.hidden = kind === undefined || px < GUTTER || n === 0;
    if (tip.hidden) return;
    const words = `${count(n)} of “${latency.rows[kind!]}” took ${duration(2 ** (step / 2))} to ${duration(2 ** ((step + 1) / 2))}, ` +
      `begun ${duration(latency.startNs + bin * latency.binNs)} to ${duration(latency.startNs + (bin + 1) * latency.binNs)}`;
    showTip(tip, { x: px, y: py }, [[words]]);
  });
  canvas.addEventListener("pointerleave", () => (tip.hidden = true));
  state.on(["view", "brush", "theme", "size"], draw);
  state.onceLaidOut(draw);
  const scale = h("i", { class: "swatch heat-scale", "aria-hidden": "true" });
  return h("div", { class: "map-canvas" }, canvas, tip,
    h("p", { class: "legend" }, h("span", { class: "key" }, scale, `1 to ${count(most)} faults in a cell of ${duration(latency.binNs)} by half an octave, logarithmic`)));
}

function wrap(context: CanvasRenderingContext2D, text: string, right: number, top: number, width: number): void {
  let line = "";
  let at = top;
  for (const word of text.split(" ")) {
    const longer = line ? `${line} ${word}` : word;
    if (context.measureText(longer).width > width && line) {
      context.fillText(line, right, at);
      line = word;
      at += 13;
    } else {
      line = longer;
    }
  }
  context.fillText(line, right, at);
}
