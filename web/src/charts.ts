// Ordinary curves, by uPlot: how much is reserved, committed and touched, and what each cost so far.
import uPlot from "uplot";
import { STAGE_COLOURS, subsystemColour, theme } from "./colours";
import type { Recording } from "./data";
import { h } from "./dom";
import { bytes, duration } from "./format";
import { State, tickText, type Span } from "./state";
import { courses } from "./totals";

const POINTS = 400;

// The mark of the logarithmic axis below or above: 1 KiB, 16 KiB, 256 KiB, ...
function decade(value: number, round: (exponent: number) => number): number {
  return 1024 * 16 ** round(Math.log2(value / 1024) / 4);
}

interface Curve {
  label: string;
  colour: string;
  values: (number | null)[];
  dashed: boolean;
}

function chart(title: string, times: number[], curves: Curve[], text: (v: number) => string, log: boolean, state: State): HTMLElement {
  const holder = h("figure", { class: "chart" }, h("figcaption", {}, title));
  const place = h("div", { class: "plot", role: "img", "aria-label": title });
  holder.append(place);
  let plot: uPlot | null = null;
  const make = () => {
    plot?.destroy();
    const colours = theme();
    const width = Math.max(place.clientWidth, 240);
    const axis = { stroke: colours.dim, grid: { stroke: colours.line, width: 1 }, ticks: { stroke: colours.line }, font: "11px system-ui" };
    plot = new uPlot(
      {
        width,
        height: 230,
        legend: { live: true },
        cursor: { drag: { x: true, y: false, setScale: false }, points: { size: 6 } },
        scales: { x: { time: false }, y: log ? { distr: 3, range: (_u, low, high) => [decade(Math.max(low, 1024), Math.floor), decade(Math.max(high, 1025), Math.ceil)] } : {} },
        axes: [
          { ...axis, values: (_u, marks) => marks.map((m) => tickText(m, (marks[1] ?? m + 1) - (marks[0] ?? m))) },
          { ...axis, size: 72, 
            ...(log ? { splits: (_u: uPlot, _axis: number, low: number, high: number) => Array.from({ length: 9 }, (_, i) => 1024 * 16 ** i).filter((mark) => mark >= low && mark <= high), filter: (_u: uPlot, marks: number[]) => marks } : text === bytes ? { incrs: Array.from({ length: 50 }, (_, i) => 2 ** i) } : {}), values: (_u, marks) => marks.map((m) => (m === null ? "" : text(m))) },
        ],
        series: [
          { label: "time", value: (_u, v) => (v === null ? "" : duration(v)) },
          ...curves.map((curve) => ({
            label: curve.label,
            stroke: curve.colour,
            width: 2,
            dash: curve.dashed ? [6, 4] : undefined,
            points: { show: false },
            value: (_u: uPlot, v: number | null) => (v === null ? "" : text(v)),
          })),
        ],
        hooks: {
          setSelect: [
            (u) => {
              if (u.select.width > 3) state.setBrush([u.posToVal(u.select.left, "x"), u.posToVal(u.select.left + u.select.width, "x")]);
            },
          ],
        },
      },
      [times, ...curves.map((curve) => (log ? curve.values.map((v) => (v === null || v < 1024 ? null : v)) : curve.values))],
      place,
    );
    plot.setScale("x", { min: state.view[0], max: state.view[1] });
  };
  state.onceLaidOut(make);
  state.on(["theme", "size"], make);
  state.on(["view"], () => plot?.setScale("x", { min: state.view[0], max: state.view[1] }));
  return holder;
}

function sampleTimes([from, to]: Span): number[] {
  return Array.from({ length: POINTS + 1 }, (_, i) => from + (i / POINTS) * (to - from));
}

// With two recordings the second is dashed.
export function costCharts(recordings: Recording[], state: State): HTMLElement[] {
  const times = sampleTimes(state.whole);
  const sizes: Curve[] = [];
  const costs: Curve[] = [];
  recordings.forEach((recording, r) => {
    const mark = recordings.length > 1 ? ` (${"AB"[r]})` : "";
    const all = courses(recording.picture);
    const at = (running: { at(ts: number): number }) =>
      times.map((ts) => (ts > recording.picture.end_ns ? null : running.at(ts)));
    const size = (label: string, stage: string, running: { at(ts: number): number }) =>
      sizes.push({ label: label + mark, colour: STAGE_COLOURS[stage]!, values: at(running), dashed: r > 0 });
    size("reserved", "reserve", all.reserved);
    size("committed", "commit", all.committed);
    if (recording.report.faults.count !== null) size("touched", "touch", all.touched);
    recording.picture.stages.forEach((stage, i) => {
      if (stage.ns === null || stage.count === 0) return;
      costs.push({ label: stage.name + mark, colour: STAGE_COLOURS[stage.name] ?? "#888888", values: at(all.spent[i]!), dashed: r > 0 });
    });
  });
  const out = [chart("Bytes, on a logarithmic scale", times, sizes, bytes, true, state)];
  if (costs.length > 0) out.push(chart("Kernel time spent so far", times, costs, duration, false, state));
  return out;
}

export function residentChart(recordings: Recording[], state: State): HTMLElement | null {
  const known = recordings.filter((r) => r.report.resident_over_time);
  if (known.length === 0) return null;
  const times = sampleTimes(state.whole);
  const curves: Curve[] = [];
  known.forEach((recording) => {
    const r = recordings.indexOf(recording);
    const mark = recordings.length > 1 ? ` (${"AB"[r]})` : "";
    const { subsystems, points } = recording.report.resident_over_time!;
    const peaks = subsystems.map((_, s) => points.reduce((most, p) => Math.max(most, p.resident_bytes[s]!), 0));
    const largest = [...peaks.keys()].sort((a, b) => peaks[b]! - peaks[a]!).slice(0, 7);
    for (const s of largest) {
      let at = -1;
      const values = times.map((ts) => {
        while (at + 1 < points.length && points[at + 1]!.ts <= ts) at++;
        return ts > recording.picture.end_ns ? null : at < 0 ? 0 : points[at]!.resident_bytes[s]!;
      });
      curves.push({ label: subsystems[s]! + mark, colour: subsystemColour(subsystems[s]!), values, dashed: r > 0 });
    }
  });
  return chart("In memory by subsystem, the seven largest", times, curves, bytes, false, state);
}
