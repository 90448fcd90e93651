// The data in the page: for each recording the report as `report --format json` prints it, and the
// picture (src/report/html/picture_json.cpp).
import { decodeTable, type PackedTable } from "./columns";

export type Maybe = number | null;

export interface Subsystem {
  name: string;
  reserved_bytes: number;
  committed_bytes: number;
  resident_peak_bytes: Maybe;
  resident_end_bytes: Maybe;
  huge_bytes: Maybe;
  faults: Maybe;
  fault_ns: Maybe;
  syscalls: number;
  syscall_ns: Maybe;
  evidence: string;
  resident_evidence: string;
  details: {
    name: string;
    reserved_bytes: number;
    committed_bytes: number;
    resident_end_bytes: Maybe;
    faults: Maybe;
    fault_ns: Maybe;
  }[];
}

export interface SyscallStats {
  count: number;
  errors: number;
  total_ns: Maybe;
  max_ns: Maybe;
  p50_ns: Maybe;
  p99_ns: Maybe;
  bytes: number;
  unfinished: number;
  memory: boolean;
}

export interface FaultClass {
  name: string;
  count: number;
  total_ns: number;
  p50_ns: Maybe;
}

export interface Call {
  id: number;
  ts: number;
  dur_ns: Maybe;
  tid: number;
  thread: string;
  name: string;
  words: string;
  caller: string;
  subsystem: string;
  detail: string;
  error: string | null;
  address: string;
}

export interface SlowFault {
  ts: number;
  dur_ns: number;
  tid: number;
  thread: string;
  address: string;
  words: string;
  subsystem: string;
}

export interface ThreadSummary {
  tid: number;
  pid: number;
  name: string;
  syscalls: number;
  syscall_ns: Maybe;
  faults: Maybe;
  fault_ns: Maybe;
}

export interface Wait {
  count: number;
  total_ns: number;
  max_ns: number;
}

export interface Finding {
  name: string;
  state: string;
  words: string;
  advice: string;
  numbers: Record<string, number>;
  missing: string[];
}

export interface ReconcileLine {
  what: string;
  recorded: number;
  kernel: number;
  agrees: boolean | null; // null: cannot be compared, see the note
  tolerance: number;
  unit: string;
  note: string;
}

export interface Report {
  tool: { name: string; version: string };
  target: {
    command: string[];
    exit_status: Maybe;
    pid: Maybe;
    executable: string;
    attached: boolean;
    processes: number;
    threads: number;
  };
  host: {
    kernel: string | null;
    cpu: string | null;
    nodes: Maybe;
    memory_bytes: Maybe;
    thp: Record<string, string>;
  };
  backend: string;
  time: {
    wall_ns: Maybe;
    user_ns: Maybe;
    system_ns: Maybe;
    kernel_mm_ns: Maybe;
    kernel_mm_parts: { user_faults_ns: number; kernel_faults_ns: number; calls_ns: number } | null;
    memory_calls_ns: Maybe;
    faults_inside_calls_ns: number;
    held_ns: number;
    phases: { name: string; start_ns: number; end_ns: Maybe; faults: Maybe; fault_ns: Maybe; syscalls: number; syscall_ns: Maybe }[];
  };
  loss: {
    total: number;
    by_kind: Record<string, number>;
    notices: { kind: string; count: number; severity: string; meaning: string }[];
    cut_short: boolean;
  };
  reconcile: ReconcileLine[];
  syscalls: Record<string, SyscallStats>;
  faults: Record<string, unknown> & {
    count: Maybe;
    minor: Maybe;
    major: Maybe;
    huge: Maybe;
    total_ns: Maybe;
    p50_ns: Maybe;
    p99_ns: Maybe;
    max_ns: Maybe;
    classes?: FaultClass[];
  };
  page_allocs: {
    by_order: Record<string, number> | null;
    by_node: Record<string, number> | null;
    page_table: Maybe;
    by_context?: Record<string, number>;
    bytes?: number;
  };
  tlb_flushes: {
    by_reason: Record<string, number> | null;
    full: Maybe;
    ranged: Maybe;
    pages: Maybe;
    not_needed?: number;
    ipis_sent?: number;
  };
  page_tables: { bytes: Maybe; by_level: { pte: number; pmd: number; pud: number } | null };
  subsystems: Subsystem[];
  memory: {
    pid: Maybe;
    executable: string;
    at_ns: Maybe;
    moment: string;
    reserved_bytes: number;
    committed_bytes: number;
    resident_peak_bytes: Maybe;
    resident_end_bytes: Maybe;
    resident_evidence: string;
    vm_size_bytes: Maybe;
    vm_rss_bytes: Maybe;
    vm_hwm_bytes: Maybe;
    note: string;
  };
  summary: {
    warnings: string[];
    costs: { what: string; how: string; ns: number; share: number }[];
    harmless: string[];
  };
  longest_calls: Call[];
  longest_faults: SlowFault[];
  threads: ThreadSummary[];
  waits: Waits | null;
  pressure: { some_ns: number; full_ns: number } | null;
  resident_over_time: { subsystems: string[]; points: { ts: number; resident_bytes: number[] }[] } | null;
  stages?: StageTime[] | null;
  samples?: Samples | null;
  contradictions: string[];
  findings: Finding[];
  missing: Missing[];
}

export interface Waits extends Record<"mmap_lock" | "direct_reclaim" | "memcg_reclaim" | "compaction", Wait> {
  kswapd_wakes: number;
  swap_ins: number;
  swap_out_pages: number;
  thp_collapses: number;
  migrated_pages: number;
  oom_kills: number;
  reclaimed_pages: number;
  oom_victims: { ts: number; pid: number; name: string; why: string; weighed_bytes: Maybe; oom_score_adj: Maybe }[];
  shortage?: { subsystem: string; direct_reclaim_ns: number; memcg_reclaim_ns: number; compaction_ns: number; major_faults: number; major_fault_ns: number }[];
}

export interface Missing {
  what: string;
  why: string;
}

interface PackedCounts {
  bin_ns: number;
  rows: string[];
  entries: PackedTable;
}

interface RawPicture {
  end_ns: number;
  owners: { subsystem: string; detail: string; evidence: string }[];
  threads: { tid: number; pid: number; name: string; start_ns: number; end_ns: Maybe }[];
  files: string[];
  fault_kinds: string[];
  regions: PackedTable;
  regions_left_out: number;
  cells: PackedTable;
  cell_ns: number;
  cell_order: number;
  calls: PackedTable & { names: string[]; words: string[] };
  calls_left_out: number;
  stages: Stage[];
  narrated: { id: number; steps: { function: string; text: string }[] }[];
  not_narrated: string;
  latency: PackedCounts | null;
  latency_steps: number;
  allocations: PackedCounts | null;
  flushes: PackedCounts | null;
  events: KernelEvent[];
  events_left_out: number;
  tables: Directory[] | null;
  free_lists: FreeList[];
  placement: { subsystem: string; nodes: { node: number; bytes: number }[] }[];
  missing: Missing[];
}

export interface Stage {
  name: string;
  words: string;
  count: number;
  ns: Maybe;
  bytes: number;
}

export interface KernelEvent {
  ts: number;
  dur_ns: number;
  thread: number;
  kind: string;
  value: number;
  detail: number;
}

export interface Directory {
  gib: number;
  parts: { owner: number; pte_tables: number; pages: number; huge: number }[];
}

export interface FreeList {
  moment: string;
  ts: number;
  node: number;
  zone: string;
  blocks_by_order: number[];
}

// Frames are numbers of names, outermost first.
export interface Flame {
  names: string[];
  stacks: { frames: number[]; kernel_from: number; stage: string; count: number }[];
  samples: { rows: number; stack: Float64Array; us: Float64Array } | null; // when; null: too many to say
  left_out: number; // samples of rarer stacks
}

type RawFlame = Omit<Flame, "samples"> & { samples: PackedTable | null };

export interface StageTime {
  name: string;
  samples: number;
  ns: number;
  error_ns: number;
  share: number;
}

export interface Samples {
  event: string;
  taken: number;
  user: number;
  kernel: number;
  lost?: number;
  each_ns: number;
  kernel_ns: number;
  kernel_error_ns: number;
  by_subsystem: { name: string; samples: number; ns: number; error_ns: number; stages: StageTime[] }[];
}

const REGION_COLUMNS = ["page", "pages", "from", "to", "owner", "rights", "committed", "file", "call"] as const;
const CELL_COLUMNS = [
  "ts", "until", "ns", "max", "page", "pages", "faults", "thread", "owner", "order", "kind", "subject",
] as const;
const CALL_COLUMNS = ["id", "ts", "dur", "net", "thread", "owner", "stage", "failed", "page"] as const;
const COUNT_COLUMNS = ["bin", "row", "count"] as const;

type Columns<Names extends readonly string[]> = Record<Names[number], Float64Array> & { rows: number };
export type Regions = Columns<typeof REGION_COLUMNS>;
export type Cells = Columns<typeof CELL_COLUMNS>;
export type Calls = Columns<typeof CALL_COLUMNS> & { names: string[]; words: string[] };
export interface Counts {
  startNs: number; // of the first bin
  binNs: number;
  rows: string[];
  entries: Columns<typeof COUNT_COLUMNS>;
}

// Of the first thing that happened in the target; what lies before is the recorder's own start.
function startOf(picture: Pick<Picture, "regions" | "cells" | "calls" | "end_ns">): number {
  const { regions, cells, calls } = picture;
  let start = picture.end_ns;
  for (let i = 0; i < regions.rows; i++) start = Math.min(start, regions.from[i]!);
  for (const column of [cells.ts, calls.ts]) if (column.length > 0) start = Math.min(start, column[0]!);
  return start;
}

export interface Picture extends Omit<RawPicture, "regions" | "cells" | "calls" | "latency" | "allocations" | "flushes"> {
  start: number;
  regions: Regions;
  cells: Cells;
  calls: Calls;
  latency: Counts | null;
  allocations: Counts | null;
  flushes: Counts | null;
}

// One figure over the runs of one side that know it.
export interface Spread {
  median: number;
  least: number;
  most: number;
  runs: number;
}

export interface DifferenceRow {
  group: string;
  figure: string;
  unit: string; // "bytes", "ns", "" for counts
  before: Spread | null;
  after: Spread | null;
  change: Maybe;
  share: Maybe;
  verdict: "same" | "more" | "less" | "unknown";
}

// As `diff --format json` prints it.
export interface Difference {
  before: string[];
  after: string[];
  settings: { name: string; before: string; after: string }[];
  chance: number;
  rows: DifferenceRow[];
  warnings: string[];
}

export interface Recording {
  name: string;
  report: Report;
  picture: Picture;
  flame: Flame;
  shift: number; // by how much its times were moved, to start with the first recording
}

// `until` and `to` are 0 where the thing was still there, else the moment + 1 (so do `dur`s).
export const NEVER = Infinity;

function moments(column: Float64Array, none: number): Float64Array {
  return column.map((value) => (value === 0 ? none : value - 1));
}

function counts(packed: PackedCounts | null): Counts | null {
  if (!packed) return null;
  return { startNs: 0, binNs: packed.bin_ns, rows: packed.rows, entries: decodeTable(packed.entries, COUNT_COLUMNS) };
}

export function unpack(raw: RawPicture): Picture {
  const regions = decodeTable(raw.regions, REGION_COLUMNS);
  const cells = decodeTable(raw.cells, CELL_COLUMNS);
  const calls = decodeTable(raw.calls, CALL_COLUMNS);
  regions.to = moments(regions.to, NEVER);
  cells.until = moments(cells.until, NEVER);
  calls.dur = moments(calls.dur, -1);
  cells.max = cells.max.map((value, i) => (cells.faults[i]! > 1 ? value : cells.ns[i]!));
  return {
    ...raw,
    start: startOf({ regions, cells, calls: { ...calls, names: [], words: [] }, end_ns: raw.end_ns }),
    regions,
    cells,
    calls: { ...calls, names: raw.calls.names, words: raw.calls.words },
    latency: counts(raw.latency),
    allocations: counts(raw.allocations),
    flushes: counts(raw.flushes),
  };
}

// Puts the starts of all recordings at the moment of the first one's, for one axis of time.
function align(recordings: Recording[]): void {
  const start = recordings[0]!.picture.start;
  for (const recording of recordings) {
    const { picture, report } = recording;
    const shift = start - picture.start;
    recording.shift = shift;
    if (shift === 0) continue;
    const { regions, cells, calls } = picture;
    for (const column of [regions.from, regions.to, cells.ts, cells.until, calls.ts]) column.forEach((ts, i) => (column[i] = ts + shift));
    for (const thread of picture.threads) {
      thread.start_ns += shift;
      if (thread.end_ns !== null) thread.end_ns += shift;
    }
    for (const timed of [picture.events, picture.free_lists, report.longest_calls, report.longest_faults, report.resident_over_time?.points ?? []]) {
      for (const item of timed) item.ts += shift;
    }
    for (const phase of report.time.phases) {
      phase.start_ns += shift;
      if (phase.end_ns !== null) phase.end_ns += shift;
    }
    for (const counts of [picture.latency, picture.allocations, picture.flushes]) if (counts) counts.startNs += shift;
    picture.end_ns += shift;
    picture.start += shift;
  }
}

function unpackFlame(raw: RawFlame): Flame {
  return { ...raw, samples: raw.samples && decodeTable(raw.samples, ["stack", "us"]) };
}

export function readData(text: string): { recordings: Recording[]; difference: Difference | null } {
  const data = JSON.parse(text) as {
    recordings: { name: string; report: Report; picture: RawPicture; flame: RawFlame }[];
    difference: Difference | null;
  };
  const recordings = data.recordings.map((r) => ({ name: r.name, report: r.report, picture: unpack(r.picture), flame: unpackFlame(r.flame), shift: 0 }));
  align(recordings);
  return { recordings, difference: data.difference };
}

export function whyMissing(recording: Recording, ...keys: string[]): string {
  const all = [...recording.picture.missing, ...recording.report.missing];
  for (const key of keys) {
    const found = all.find((m) => m.what === key || m.what.startsWith(key + "."));
    if (found) return found.why;
  }
  return "not recorded";
}
