// The map in words: what lies under the pointer, how much there is by a moment, what the marks mean.
import { search } from "./columns";
import type { Recording } from "./data";
import { figure, h, quoted } from "./dom";
import { address, bytes, count, duration } from "./format";
import type { RasterCells } from "./raster";
import { courses } from "./totals";

export function readingAt(recording: Recording, moment: number): HTMLElement[] {
  const { stages } = recording.picture;
  const { reserved, committed, touched, spent } = courses(recording.picture);
  const faultsKnown = recording.report.faults.count !== null;
  const spentOn = (name: string) => {
    const i = stages.findIndex((stage) => stage.name === name);
    return i < 0 || stages[i]!.ns === null ? null : spent[i]!.at(moment);
  };
  const entry = (name: string, value: HTMLElement, cost: number | null) =>
    h("div", {}, h("dt", {}, name), h("dd", {}, value, " ", h("small", {}, "cost so far ", figure(cost, duration))));
  return [
    h("div", {}, h("dt", {}, "Moment"), h("dd", {}, figure(Math.round(moment), duration))),
    entry("Reserved", figure(reserved.at(moment), bytes), spentOn("reserve")),
    entry("Committed", figure(committed.at(moment), bytes), spentOn("commit")),
    entry("Touched", figure(faultsKnown ? touched.at(moment) : null, bytes), spentOn("touch")),
  ];
}

type Line = (string | HTMLElement)[];

// The latest region that holds the page at the time, or -1.
function regionAt(recording: Recording, page: number, ts: number): number {
  const { regions } = recording.picture;
  for (let i = regions.rows - 1; i >= 0; i--) {
    if (regions.page[i]! <= page && page < regions.page[i]! + regions.pages[i]! &&
        regions.from[i]! <= ts && ts < regions.to[i]!) {
      return i;
    }
  }
  return -1;
}

// What of the region was touched nearest to the page, and how many pages away; the latest of equally
// near ones.
function touchedNear(recording: Recording, region: number, page: number, ts: number, reach: number): { cell: number; away: number } | null {
  const { cells, regions } = recording.picture;
  const first = regions.page[region]!;
  const behind = first + regions.pages[region]!;
  let best: { cell: number; away: number } | null = null;
  for (let i = 0; i < cells.rows; i++) {
    if (!cells.subject[i] || cells.ts[i]! > ts || cells.until[i]! <= ts) continue;
    const start = cells.page[i]!;
    const end = start + 2 ** cells.order[i]!;
    if (end <= first || start >= behind) continue;
    const away = page < start ? start - page : page >= end ? page - end + 1 : 0;
    if (away <= reach && away <= (best?.away ?? Infinity)) best = { cell: i, away };
  }
  return best;
}

function regionInWords(recording: Recording, region: number): Line[] {
  const { regions, owners, files, calls } = recording.picture;
  const owner = owners[regions.owner[region]!]!;
  const lines: Line[] = [[h("b", {}, owner.subsystem), owner.detail ? " / " : "", owner.detail ? quoted(owner.detail, 60) : "", ` (by ${owner.evidence})`]];
  if (regions.file[region]! > 0) lines.push([quoted(files[regions.file[region]! - 1] ?? "", 90)]);
  lines.push([
    `${regions.committed[region] ? "committed" : "reserved"}, ${rights(regions.rights[region]!)}, ` +
      `${bytes(regions.pages[region]! * 4096)} from ${duration(regions.from[region]!)} on`,
  ]);
  const made = regions.call[region]!;
  if (made > 0) {
    const at = search(calls.id, made);
    const took = at >= 0 && calls.dur[at]! >= 0 ? `, took ${duration(calls.dur[at]!)}` : "";
    lines.push([`by call ${count(made)}: `, at >= 0 ? quoted(calls.words[at]!, 90) : "(not listed here)", took]);
  }
  return lines;
}

function touchInWords(recording: Recording, cell: number, away: number): Line[] {
  const { cells, threads, fault_kinds } = recording.picture;
  const faults = cells.faults[cell]!;
  const near = away > 0 ? "near here, at " + address(cells.page[cell]!) + ": " : "";
  const what = faults > 1
    ? `${count(faults)} faults, ${duration(cells.ns[cell]! / faults)} each, longest ${duration(cells.max[cell]!)}`
    : faults === 1 ? `fault, ${duration(cells.ns[cell]!)}` : "no fault of its own";
  const lines: Line[] = [[`touched ${near}`, `${duration(cells.ts[cell]!)}: ${fault_kinds[cells.kind[cell]!]}, ${what}`]];
  const thread = threads[cells.thread[cell]!];
  if (thread) lines.push(["by thread ", quoted(thread.name || String(thread.tid), 60)]);
  if (cells.order[cell]! >= 9 && faults <= 1) lines.push([`one page of ${bytes(4096 * 2 ** cells.order[cell]!)}`]);
  return lines;
}

// What lies at an address at a time; `reach`: how many pages away a touched one may be to be told of.
export function describe(recording: Recording, page: number, inside: number, ts: number, reach: number): Line[] {
  const head: Line = [h("b", {}, address(page, inside)), ` at ${duration(ts)}`];
  const region = regionAt(recording, page, ts);
  if (region < 0) return [head, ["nothing mapped here at that time"]];
  const touched = touchedNear(recording, region, page, ts, reach);
  const untouched = recording.report.faults.count === null
    ? "whether it was touched is not known"
    : "not touched: no memory behind it, no cost";
  return [head, ...regionInWords(recording, region), ...(touched ? touchInWords(recording, touched.cell, touched.away) : [[untouched]])];
}

// How much of the recording laid over this one could not be drawn.
export function placeless({ picture }: Recording, cells: RasterCells): string {
  const { rows, subject, pages, until } = picture.cells;
  let all = 0;
  let drawn = 0;
  for (let i = 0; i < rows; i++) {
    if (!subject[i] || until[i] !== Infinity) continue;
    all += pages[i]!;
    if (cells.from[i]! >= 0) drawn += pages[i]!;
  }
  return all === drawn
    ? `All ${bytes(all * 4096)} that it had in memory at the end lie at addresses of this map.`
    : `${bytes(drawn * 4096)} of the ${bytes(all * 4096)} that it had in memory at the end lie at addresses of this map: most addresses differ from start to start.`;
}

export function legend({ picture }: Recording, hasOther: boolean): HTMLElement {
  const key = (mark: string, text: string) => h("span", { class: "key" }, h("i", { class: `swatch ${mark}` }), text);
  const exact = picture.cell_ns === 0
    ? "Every fault is drawn by itself."
    : `Of very many faults: those within ${bytes(4096 * 2 ** picture.cell_order)} and ${duration(picture.cell_ns)} are drawn as one.`;
  const left = picture.regions_left_out > 0 ? ` ${count(picture.regions_left_out)} small mappings are left out.` : "";
  return h(
    "p",
    { class: "legend" },
    key("reserved", "reserved: an outline. Addresses, no memory"),
    key("committed", "committed: a tint. Allowed, still no memory"),
    key("touched", "touched: filled. Memory, from the first access on"),
    key("huge", "2 MiB pages"),
    key("latency", "a fault: 100 ns … 1 ms and more"),
    ...(hasOther ? [key("only-a", "touched in A only"), key("only-b", "in B only"), key("in-both", "in both; hatched: 2 MiB pages in B"), h("span", { class: "note placeless" })] : []),
    h("span", { class: "note" },
      exact + left + " Drag to zoom into a rectangle, click for the moment, double-click for everything; " +
      "with the map clicked, the wheel zooms time, with Shift addresses. Keys: ← → ↑ ↓ + − [ ] , . Space 0, page up and down."),
  );
}

function rights(bits: number): string {
  return (bits & 1 ? "r" : "-") + (bits & 2 ? "w" : "-") + (bits & 4 ? "x" : "-");
}
