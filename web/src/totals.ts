// Sums over the cells and calls of a picture: up to a moment, and within a selected stretch of time.
import type { Picture, Recording } from "./data";
import type { Span } from "./state";

// A sum that changes with time: at(t) is what came up to t.
export class Running {
  private readonly times: Float64Array;
  private readonly sums: Float64Array;

  // The first `length` of the columns; in any order.
  constructor(times: Float64Array, changes: Float64Array, length = times.length) {
    this.times = times.slice(0, length);
    this.sums = changes.slice(0, length);
    if (!isSorted(this.times)) {
      const order = Uint32Array.from({ length }, (_, i) => i).sort((a, b) => times[a]! - times[b]!);
      order.forEach((from, to) => {
        this.times[to] = times[from]!;
        this.sums[to] = changes[from]!;
      });
    }
    for (let i = 1; i < length; i++) this.sums[i]! += this.sums[i - 1]!;
  }

  at(ts: number): number {
    let low = 0;
    let high = this.times.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.times[middle]! <= ts) low = middle + 1;
      else high = middle;
    }
    return low === 0 ? 0 : this.sums[low - 1]!;
  }
}

function isSorted(times: Float64Array): boolean {
  for (let i = 1; i < times.length; i++) if (times[i - 1]! > times[i]!) return false;
  return true;
}

// What came, less what went.
export class Balance {
  private constructor(private readonly came: Running, private readonly went: Running) {}

  // Of the rows that count: `size` from `from` on, until `to`.
  static of(rows: number, counts: (row: number) => boolean, from: Float64Array, to: Float64Array, size: (row: number) => number): Balance {
    const came = new Float64Array(rows);
    const began = new Float64Array(rows);
    const went = new Float64Array(rows);
    const ended = new Float64Array(rows);
    let begun = 0;
    let over = 0;
    for (let row = 0; row < rows; row++) {
      if (!counts(row)) continue;
      const bytes = size(row);
      began[begun] = from[row]!;
      came[begun++] = bytes;
      if (to[row] === Infinity) continue;
      ended[over] = to[row]!;
      went[over++] = bytes;
    }
    return new Balance(new Running(began, came, begun), new Running(ended, went, over));
  }

  at(ts: number): number {
    return this.came.at(ts) - this.went.at(ts);
  }
}

export interface Courses {
  reserved: Balance; // bytes
  committed: Balance;
  touched: Balance;
  spent: Running[]; // kernel time, by stage
}

const known = new WeakMap<Picture, Courses>();

export function courses(picture: Picture): Courses {
  const before = known.get(picture);
  if (before) return before;
  const { regions, cells, calls, stages } = picture;
  const sizeOf = (row: number) => regions.pages[row]! * 4096;
  const spent = stages.map((_, stage) => {
    // The last stage are the page faults, the others calls.
    if (stage === stages.length - 1) return new Running(cells.ts, cells.ns);
    const rows = [...calls.stage.keys()].filter((row) => calls.stage[row] === stage);
    return new Running(Float64Array.from(rows, (row) => calls.ts[row]!), Float64Array.from(rows, (row) => calls.net[row]!));
  });
  const made = {
    reserved: Balance.of(regions.rows, () => true, regions.from, regions.to, sizeOf),
    committed: Balance.of(regions.rows, (row) => regions.committed[row] === 1, regions.from, regions.to, sizeOf),
    touched: Balance.of(cells.rows, (row) => cells.subject[row] === 1, cells.ts, cells.until, (row) => cells.pages[row]! * 4096),
    spent,
  };
  known.set(picture, made);
  return made;
}

export interface Sum {
  count: number;
  ns: number;
}

export interface Selected {
  faultsBySubsystem: Map<string, Sum>;
  callsBySubsystem: Map<string, Sum>;
  faultsByKind: Map<string, Sum>;
  faultsByThread: Map<number, Sum>;
  callsByThread: Map<number, Sum>;
  callsByName: Map<string, Sum & { max: number }>;
  stages: Sum[];
  faults: Sum;
}

function add<Key>(map: Map<Key, Sum>, key: Key, count: number, ns: number): void {
  const sum = map.get(key);
  if (sum) {
    sum.count += count;
    sum.ns += ns;
  } else {
    map.set(key, { count, ns });
  }
}

// What began within the span. Cells that stand for several faults count where their first one is.
export function select(recording: Recording, span: Span): Selected {
  const { picture } = recording;
  const { cells, calls } = picture;
  const out: Selected = {
    faultsBySubsystem: new Map(),
    callsBySubsystem: new Map(),
    faultsByKind: new Map(),
    faultsByThread: new Map(),
    callsByThread: new Map(),
    callsByName: new Map(),
    stages: picture.stages.map(() => ({ count: 0, ns: 0 })),
    faults: { count: 0, ns: 0 },
  };
  const touch = out.stages[out.stages.length - 1]!;
  for (let i = 0; i < cells.rows; i++) {
    const ts = cells.ts[i]!;
    if (ts < span[0] || ts > span[1] || cells.faults[i] === 0) continue;
    const count = cells.faults[i]!;
    const ns = cells.ns[i]!;
    add(out.faultsBySubsystem, picture.owners[cells.owner[i]!]!.subsystem, count, ns);
    add(out.faultsByKind, picture.fault_kinds[cells.kind[i]!]!, count, ns);
    add(out.faultsByThread, cells.thread[i]!, count, ns);
    out.faults.count += count;
    out.faults.ns += ns;
    touch.count += count;
    touch.ns += ns;
  }
  for (let i = 0; i < calls.rows; i++) {
    const ts = calls.ts[i]!;
    if (ts < span[0] || ts > span[1]) continue;
    const ns = calls.net[i]!;
    add(out.callsBySubsystem, picture.owners[calls.owner[i]!]!.subsystem, 1, ns);
    add(out.callsByThread, calls.thread[i]!, 1, ns);
    out.stages[calls.stage[i]!]!.count += 1;
    out.stages[calls.stage[i]!]!.ns += ns;
    const name = calls.names[i]!;
    const gross = Math.max(calls.dur[i]!, 0);
    const sum = out.callsByName.get(name);
    if (sum) {
      sum.count += 1;
      sum.ns += gross;
      sum.max = Math.max(sum.max, gross);
    } else {
      out.callsByName.set(name, { count: 1, ns: gross, max: gross });
    }
  }
  return out;
}
