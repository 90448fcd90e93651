// Sums over the cells and calls of a picture: up to a moment, and within a selected stretch of time.
import type { Picture, Recording } from "./data";
import type { Span } from "./state";

// A sum that grows with time: value(t) is what came up to t.
export class Running {
  private times: Float64Array;
  private sums: Float64Array;

  constructor(changes: [number, number][]) {
    changes.sort((a, b) => a[0] - b[0]);
    this.times = new Float64Array(changes.length);
    this.sums = new Float64Array(changes.length);
    let sum = 0;
    changes.forEach(([ts, change], i) => {
      sum += change;
      this.times[i] = ts;
      this.sums[i] = sum;
    });
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

export interface Courses {
  reserved: Running; // bytes
  committed: Running;
  touched: Running;
  spent: Running[]; // kernel time, by stage
}

export function courses(picture: Picture): Courses {
  const reserved: [number, number][] = [];
  const committed: [number, number][] = [];
  const { regions, cells, calls } = picture;
  for (let i = 0; i < regions.rows; i++) {
    const size = regions.pages[i]! * 4096;
    for (const list of regions.committed[i] ? [reserved, committed] : [reserved]) {
      list.push([regions.from[i]!, size]);
      if (regions.to[i] !== Infinity) list.push([regions.to[i]!, -size]);
    }
  }
  const touched: [number, number][] = [];
  const spent: [number, number][][] = picture.stages.map(() => []);
  const touch = picture.stages.length - 1;
  for (let i = 0; i < cells.rows; i++) {
    spent[touch]!.push([cells.ts[i]!, cells.ns[i]!]);
    if (!cells.subject[i]) continue;
    const size = cells.pages[i]! * 4096;
    touched.push([cells.ts[i]!, size]);
    if (cells.until[i] !== Infinity) touched.push([cells.until[i]!, -size]);
  }
  for (let i = 0; i < calls.rows; i++) spent[calls.stage[i]!]!.push([calls.ts[i]!, calls.net[i]!]);
  return {
    reserved: new Running(reserved),
    committed: new Running(committed),
    touched: new Running(touched),
    spent: spent.map((list) => new Running(list)),
  };
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
