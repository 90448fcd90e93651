// The vertical axis of the map: all addresses that were ever mapped, one below the other, what lies
// between them folded. Positions are "weights": a running sum that is linear within a segment, so that
// zooming is a matter of two numbers. How much weight a segment has, is the scale's choice:
//   size      as many bytes, as much height
//   balanced  roots of the sizes, touched parts ahead of untouched ones: everything can be seen
import type { Cells, Picture, Regions } from "./data";

export type Scale = "balanced" | "size";

export interface Band {
  subsystem: string;
  page: number;
  end: number;
  from: number; // weights
  to: number;
}

interface Segment {
  page: number;
  end: number;
  touched: boolean;
  band: number;
}

interface Stretch {
  page: number;
  end: number;
  subsystem: string;
}

// The pieces of address space by who had them last; neighbours of one subsystem joined.
export function stretches(regions: Regions, subsystemOf: (owner: number) => string): Stretch[] {
  const borders = new Set<number>();
  for (let i = 0; i < regions.rows; i++) {
    borders.add(regions.page[i]!);
    borders.add(regions.page[i]! + regions.pages[i]!);
  }
  const cuts = Float64Array.from(borders).sort();
  const place = new Map<number, number>();
  cuts.forEach((cut, i) => place.set(cut, i));
  // The last owner wins: painted first, and never painted over. `next` skips what is painted.
  const owner = new Int32Array(cuts.length).fill(-1);
  const next = Int32Array.from({ length: cuts.length + 1 }, (_, i) => i);
  const free = (at: number): number => {
    let root = at;
    while (next[root] !== root) root = next[root]!;
    while (next[at] !== root) [at, next[at]] = [next[at]!, root];
    return root;
  };
  for (let i = regions.rows - 1; i >= 0; i--) {
    const end = place.get(regions.page[i]! + regions.pages[i]!)!;
    for (let at = free(place.get(regions.page[i]!)!); at < end; at = free(at)) {
      owner[at] = regions.owner[i]!;
      next[at] = at + 1;
    }
  }
  const out: Stretch[] = [];
  for (let i = 0; i + 1 < cuts.length; i++) {
    if (owner[i]! < 0) continue;
    const subsystem = subsystemOf(owner[i]!);
    const last = out[out.length - 1];
    if (last && last.end === cuts[i] && last.subsystem === subsystem) last.end = cuts[i + 1]!;
    else out.push({ page: cuts[i]!, end: cuts[i + 1]!, subsystem });
  }
  return out;
}

// Clusters of touched pages, as [page, end), sorted and disjoint; holes of less than `join` ignored.
export function clusters(cells: Cells, join: number): [number, number][] {
  const { rows, page, order, subject, thread } = cells;
  const starts = new Float64Array(rows);
  const ends = new Float64Array(rows);
  let count = 0;
  // A thread often goes on where it was: then its last stretch grows, and there is less to sort.
  const lastOf: number[] = [];
  for (let i = 0; i < rows; i++) {
    if (!subject[i]) continue;
    const start = page[i]!;
    const end = start + 2 ** order[i]!;
    const last = lastOf[thread[i]!] ?? -1;
    if (last >= 0 && start >= starts[last]! && start <= ends[last]! + join) {
      if (end > ends[last]!) ends[last] = end;
      continue;
    }
    lastOf[thread[i]!] = count;
    starts[count] = start;
    ends[count++] = end;
  }
  // Sorted each by itself: a cluster ends where the next one starts behind as many ends as starts.
  const from = starts.subarray(0, count).sort();
  const to = ends.subarray(0, count).sort();
  const out: [number, number][] = [];
  let first = 0;
  for (let i = 0; i < count; i++) {
    if (i + 1 < count && from[i + 1]! <= to[i]! + join) continue;
    out.push([from[first]!, to[i]!]);
    first = i + 1;
  }
  return out;
}

export class AddressAxis {
  readonly bands: Band[] = [];
  readonly total: number;
  private segments: Segment[] = [];
  private starts: Float64Array; // weight at which each segment starts
  private ends: Float64Array;

  constructor(picture: Picture, readonly scale: Scale, only: string | null) {
    const subsystemOf = (owner: number) => picture.owners[owner]?.subsystem ?? "Unknown";
    const all = stretches(picture.regions, subsystemOf).filter((s) => !only || s.subsystem === only);
    const touched = clusters(picture.cells, scale === "balanced" ? 16 : 4096);
    this.cut(all, touched);

    const weights = this.weigh();
    const sum = weights.reduce((a, b) => a + b, 0);
    const gap = Math.min((0.12 * sum) / Math.max(this.bands.length, 1), 0.006 * sum);
    this.starts = new Float64Array(this.segments.length);
    this.ends = new Float64Array(this.segments.length);
    let at = 0;
    this.segments.forEach((segment, i) => {
      const before = this.segments[i - 1];
      // Folded: however much lies between two mappings, it takes the same little height.
      if (before && before.end !== segment.page) at += gap;
      this.starts[i] = at;
      at += weights[i]!;
      this.ends[i] = at;
      const band = this.bands[segment.band]!;
      if (band.to < 0) band.from = this.starts[i]!;
      band.to = at;
    });
    this.total = at;
  }

  private cut(all: Stretch[], touched: [number, number][]): void {
    let cluster = 0;
    for (const stretch of all) {
      const band = this.bands.length;
      this.bands.push({ ...stretch, from: 0, to: -1 });
      const least = Math.max(16, (stretch.end - stretch.page) / 200);
      let at = stretch.page;
      const put = (end: number, isTouched: boolean) => {
        if (end <= at) return;
        const last = this.segments[this.segments.length - 1];
        if (last && last.band === band && last.touched === isTouched) last.end = end;
        else this.segments.push({ page: at, end, touched: isTouched, band });
        at = end;
      };
      while (cluster < touched.length && touched[cluster]![1] <= stretch.page) cluster++;
      for (let i = cluster; i < touched.length && touched[i]![0] < stretch.end; i++) {
        const [page, end] = touched[i]!;
        if (page - at >= least) put(Math.min(page, stretch.end), false);
        put(Math.min(end, stretch.end), true);
      }
      if (stretch.end - at >= least || at === stretch.page) put(stretch.end, false);
      else put(stretch.end, this.segments[this.segments.length - 1]?.touched ?? false);
    }
  }

  // Balanced: a band has the root of its size and a little more for what was touched; within it, touched
  // segments get more than their bytes' share.
  private weigh(): number[] {
    if (this.scale === "size") return this.segments.map((s) => s.end - s.page);
    const within = this.segments.map((s) => (s.end - s.page) ** (s.touched ? 0.55 : 0.42));
    const sums = this.bands.map(() => 0);
    const touched = this.bands.map(() => 0);
    this.segments.forEach((s, i) => {
      sums[s.band]! += within[i]!;
      if (s.touched) touched[s.band]! += s.end - s.page;
    });
    return this.segments.map((s, i) => {
      const band = this.bands[s.band]!;
      const height = (band.end - band.page) ** 0.38 + 1.2 * touched[s.band]! ** 0.42;
      return (height * within[i]!) / sums[s.band]!;
    });
  }

  // The segment that holds the page, or -1.
  private segmentOf(page: number): number {
    let low = 0;
    let high = this.segments.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.segments[middle]!.end <= page) low = middle + 1;
      else high = middle;
    }
    const found = this.segments[low];
    return found && found.page <= page ? low : -1;
  }

  // Where a page is drawn; NaN where it has no place.
  weightOf(page: number): number {
    const i = this.segmentOf(page);
    if (i < 0) return NaN;
    const s = this.segments[i]!;
    return this.starts[i]! + ((page - s.page) / (s.end - s.page)) * (this.ends[i]! - this.starts[i]!);
  }

  // The stretch of weight that [page, end) takes, clipped to the segments there are; null: none.
  spanOf(page: number, end: number): [number, number] | null {
    const from = this.weightOf(page);
    if (Number.isNaN(from)) return null;
    const last = this.weightOf(end - 1);
    if (Number.isNaN(last)) return [from, from];
    const i = this.segmentOf(end - 1);
    const s = this.segments[i]!;
    return [from, last + (this.ends[i]! - this.starts[i]!) / (s.end - s.page)];
  }

  // The page drawn at that weight, with the bytes into it; null in a folded gap.
  addressAt(weight: number): { page: number; inside: number; band: Band } | null {
    let low = 0;
    let high = this.segments.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.ends[middle]! <= weight) low = middle + 1;
      else high = middle;
    }
    const s = this.segments[low];
    if (!s || this.starts[low]! > weight) return null;
    const share = (weight - this.starts[low]!) / (this.ends[low]! - this.starts[low]!);
    const exact = s.page + share * (s.end - s.page);
    const page = Math.min(Math.floor(exact), s.end - 1);
    return { page, inside: Math.floor((exact - page) * 4096) & 0xfff, band: this.bands[s.band]! };
  }

  // The segments of which nothing was ever touched, and how many bytes they are.
  untouched(): { from: number; to: number; bytes: number }[] {
    const out: { from: number; to: number; bytes: number }[] = [];
    this.segments.forEach((s, i) => {
      if (!s.touched) out.push({ from: this.starts[i]!, to: this.ends[i]!, bytes: (s.end - s.page) * 4096 });
    });
    return out;
  }

  // Cells' places, [from, to] each: -1 where they have none.
  placesOf(cells: Cells): { from: Float64Array; to: Float64Array } {
    const from = new Float64Array(cells.rows).fill(-1);
    const to = new Float64Array(cells.rows).fill(-1);
    for (let i = 0; i < cells.rows; i++) {
      if (!cells.subject[i]) continue;
      const span = this.spanOf(cells.page[i]!, cells.page[i]! + 2 ** cells.order[i]!);
      if (!span) continue;
      from[i] = span[0];
      to[i] = span[1];
    }
    return { from, to };
  }
}
