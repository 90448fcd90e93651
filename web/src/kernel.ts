// What the start asked of the kernel besides: blocks of frames, TLB flushes, page tables, free lists,
// nodes, waits.
import { subsystemColour } from "./colours";
import type { Counts, FreeList, Recording, Wait, Waits } from "./data";
import { whyMissing } from "./data";
import { absent, figure, h, quoted } from "./dom";
import { bytes, count, duration } from "./format";
import type { Span, State } from "./state";
import { following } from "./tables";

interface BarRow {
  name: string;
  value: number | null;
  text: string;
  colour?: string;
  note?: string;
}

function bars(caption: string, key: string, rows: BarRow[]): HTMLElement {
  const most = rows.reduce((m, row) => Math.max(m, row.value ?? 0), 0);
  return h("table", { class: "bars" }, h("caption", {}, caption),
    h("tbody", {}, ...rows.map((row) => {
      const bar = h("i", { class: "databar", "aria-hidden": "true" });
      bar.style.width = `${((row.value ?? 0) / Math.max(most, 1)) * 100}%`;
      bar.style.background = row.colour ?? "#0072b2";
      return h("tr", { "data-row": row.name },
        h("th", { scope: "row" }, row.name, row.note ? h("small", {}, row.note) : null),
        h("td", { class: "number", "data-key": key }, figure(row.value, () => row.text), row.value ? bar : null));
    })));
}

// Sums of a table of counts by row within the selection.
function within(counts: Counts | null, state: State): Map<number, number> | null {
  if (!counts || !state.brush) return null;
  const sums = new Map<number, number>();
  for (let i = 0; i < counts.entries.rows; i++) {
    const from = counts.startNs + counts.entries.bin[i]! * counts.binNs;
    if (from + counts.binNs <= state.brush[0] || from > state.brush[1]) continue;
    sums.set(counts.entries.row[i]!, (sums.get(counts.entries.row[i]!) ?? 0) + counts.entries.count[i]!);
  }
  return sums;
}

export function allocationOrders(recordings: Recording[], state: State): HTMLElement {
  return following(recordings, state, (recording) => {
    const { page_allocs } = recording.report;
    if (!page_allocs.by_order) return [absent("Page allocations", whyMissing(recording, "page_allocs"))];
    const selected = within(recording.picture.allocations, state);
    const rows = Object.entries(page_allocs.by_order).map(([order, n]) => {
      const value = selected ? selected.get(Number(order)) ?? 0 : n;
      return { name: `order ${order}`, value, text: count(value), note: `blocks of ${bytes(4096 * 2 ** Number(order))}`, colour: Number(order) >= 9 ? "#d55e00" : "#0072b2" };
    });
    if (rows.length === 0) return [h("p", { class: "note" }, "No frame was taken from the page allocator.")];
    const nodes = Object.entries(page_allocs.by_node ?? {}).map(([node, n]) => ({ name: `node ${node}`, value: n, text: count(n) }));
    const context = Object.entries(page_allocs.by_context ?? {}).map(([name, n]) => ({ name, value: n, text: count(n) }));
    return [bars(selected ? "Blocks by order, in the selection" : "Blocks by order", "blocks", rows),
      selected ? null : bars("Blocks by node", "blocks", nodes),
      selected ? null : bars("Asked for by", "blocks", context),
      h("p", { class: "note" }, selected ? "In the whole recording " : "In all ", figure(page_allocs.bytes ?? null, bytes), "; ", figure(page_allocs.page_table, count), " frames were taken besides the faulting page, for page tables.")];
  });
}

export function flushes(recordings: Recording[], state: State): HTMLElement {
  return following(recordings, state, (recording) => {
    const { tlb_flushes } = recording.report;
    if (!tlb_flushes.by_reason) return [absent("TLB flushes", whyMissing(recording, "tlb_flushes"))];
    const selected = within(recording.picture.flushes, state);
    const names = recording.picture.flushes?.rows ?? [];
    const rows = Object.entries(tlb_flushes.by_reason).map(([reason, n]) => {
      const value = selected ? selected.get(names.indexOf(reason)) ?? 0 : n;
      return { name: reason, value, text: count(value), colour: "#8d7fb8" };
    });
    return [rows.length > 0 ? bars(selected ? "Flushes by reason, in the selection" : "Flushes by reason", "flushes", rows) : h("p", { class: "note" }, "No flush was seen."),
      h("p", { class: "note" }, selected ? "In the whole recording: " : "", figure(tlb_flushes.full, count), " of everything, ", figure(tlb_flushes.ranged, count), " of a range (",
        figure(tlb_flushes.pages, count), " pages); ", figure(tlb_flushes.ipis_sent ?? null, count), " interrupts sent to other CPUs; ",
        figure(tlb_flushes.not_needed ?? null, count), " task switches needed none.")];
  });
}

const WAITS = [
  ["mmap_lock", "waits for mmap_lock", "wait for mmap_lock"],
  ["direct_reclaim", "direct reclaim", "direct reclaim"],
  ["memcg_reclaim", "reclaim in the memory cgroup", "reclaim in its memory cgroup"],
  ["compaction", "compaction", "compaction"],
] as const; // key of the report, in words, kind of the picture's events

// Of the events that began within the span; null where some were left out of the picture.
function waitsWithin({ picture }: Recording, kind: string, [from, to]: Span): Wait | null {
  if (picture.events_left_out > 0) return null;
  const within = picture.events.filter((e) => e.kind === kind && e.ts >= from && e.ts <= to);
  return {
    count: within.length,
    total_ns: within.reduce((sum, e) => sum + e.dur_ns, 0),
    max_ns: within.reduce((most, e) => Math.max(most, e.dur_ns), 0),
  };
}

export function waits(recordings: Recording[], state: State): HTMLElement {
  return following(recordings, state, (recording) => {
    const found = recording.report.waits;
    if (!found) return [absent("Reclaim and waits", whyMissing(recording, "waits"))];
    const { threads } = recording.picture;
    const rows = WAITS.map(([key, name, kind]) => {
      const sum = state.brush ? waitsWithin(recording, kind, state.brush) : found[key];
      return h("tr", { "data-wait": key }, h("th", { scope: "row" }, name), h("td", { class: "number" }, figure(sum?.count ?? null, count)),
        h("td", { class: "number" }, figure(sum?.total_ns ?? null, duration)), h("td", { class: "number" }, figure(sum?.max_ns ?? null, duration)));
    });
    const others = ["kswapd_wakes", "swap_ins", "swap_out_pages", "thp_collapses", "migrated_pages", "oom_kills", "reclaimed_pages"] as const;
    const [from, to] = state.brush ?? [0, Infinity];
    const events = recording.picture.events.filter((e) => e.ts >= from && e.ts <= to);
    const listed = [...events].sort((a, b) => b.dur_ns - a.dur_ns).slice(0, 20);
    return [
      h("table", {}, h("thead", {}, h("tr", {}, ...["wait", "times", "in all", "longest"].map((t, i) => h("th", { scope: "col", class: i ? "number" : "" }, t)))), h("tbody", {}, ...rows)),
      h("p", { class: "note" }, state.brush ? "In the whole recording: " : "", ...others.flatMap((key, i) => [i ? ", " : "", `${key.replace(/_/g, " ")} `, figure(found[key] ?? null, count)]),
        ". These waits lie inside the times of calls and faults."),
      ...found.oom_victims.map((kill) => h("p", { class: "bad", "data-oom": kill.pid }, `At ${duration(kill.ts + recording.shift)} the OOM killer picked `, quoted(kill.name || "?", 60), ` (${kill.pid}): `, quoted(kill.why, 200),
        kill.weighed_bytes === null ? "" : `; it weighed ${bytes(kill.weighed_bytes)}${kill.oom_score_adj === null ? "" : `, with oom_score_adj ${kill.oom_score_adj}`}`, ".")),
      shortageTable(found.shortage ?? []),
      recording.report.pressure
        ? h("p", { class: "note" }, "Waiting for memory (PSI, the whole host): some tasks for ", figure(recording.report.pressure.some_ns, duration),
            ", all that could run for ", figure(recording.report.pressure.full_ns, duration), " of the recording.")
        : absent("Waiting for memory (PSI)", whyMissing(recording, "pressure")),
      listed.length > 0
        ? h("details", {}, h("summary", {}, `${listed.length} longest of ${count(events.length)} events`),
            h("ul", {}, ...listed.map((e) => h("li", {}, `${duration(e.ts)}: ${e.kind}${e.dur_ns ? ", " + duration(e.dur_ns) : ""}, by `, quoted(threads[e.thread]?.name ?? "?", 40)))))
        : null,
    ];
  });
}

// What shortage of memory cost, by whose memory was waited for.
function shortageTable(rows: NonNullable<Waits["shortage"]>): HTMLElement | null {
  if (rows.length === 0) return null;
  const columns = [["direct_reclaim_ns", "direct reclaim", duration], ["memcg_reclaim_ns", "cgroup reclaim", duration], ["compaction_ns", "compaction", duration],
    ["major_faults", "major faults", count], ["major_fault_ns", "time in them", duration]] as const;
  return h("table", {}, h("caption", {}, "What shortage of memory cost, by subsystem"),
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "subsystem"), ...columns.map(([, title]) => h("th", { scope: "col", class: "number" }, title)))),
    h("tbody", {}, ...rows.map((row) => h("tr", { "data-row": row.subsystem }, h("th", { scope: "row" }, row.subsystem || "within no fault or call that was recorded"),
      ...columns.map(([key, , text]) => h("td", { class: "number", "data-key": key }, figure(row[key], text)))))));
}

function tableCount(level: string, n: number): string {
  return `${count(n)} ${level} table${n === 1 ? "" : "s"}`;
}

// The tables a process needs: a tree from the top level down, each branch with what hangs below.
export function pageTableTree(recording: Recording): HTMLElement {
  const { tables, owners } = recording.picture;
  const { page_tables } = recording.report;
  const facts = h("dl", { class: "facts" },
    h("div", {}, h("dt", {}, "VmPTE at the end"), h("dd", { "data-tables": "bytes" }, figure(page_tables.bytes, bytes))),
    ...(["pte", "pmd", "pud"] as const).map((level) =>
      h("div", {}, h("dt", {}, `${level.toUpperCase()} tables`),
        h("dd", { "data-tables": level }, figure(page_tables.by_level ? page_tables.by_level[level] : null, count)))));
  if (!tables) return h("div", {}, facts, absent("Page tables by level", whyMissing(recording, "tables", "page_tables.by_level")));
  const bySubsystem = new Map<string, { pte: number; pages: number; huge: number }>();
  const puds = new Map<number, typeof tables>();
  for (const directory of tables) {
    const key = Math.floor(directory.gib / 512);
    if (!puds.has(key)) puds.set(key, []);
    puds.get(key)!.push(directory);
    for (const part of directory.parts) {
      const name = owners[part.owner]?.subsystem ?? "Unknown";
      const sum = bySubsystem.get(name) ?? { pte: 0, pages: 0, huge: 0 };
      sum.pte += part.pte_tables;
      sum.pages += part.pages;
      sum.huge += part.huge;
      bySubsystem.set(name, sum);
    }
  }
  const ofAll = [...bySubsystem.values()].reduce((a, s) => a + s.pte, 0);
  const unseen = page_tables.by_level ? page_tables.by_level.pte - ofAll : 0;
  const rows = [...bySubsystem].sort((a, b) => b[1].pte - a[1].pte).map(([name, s]) => ({
    name, value: s.pte, text: count(s.pte), colour: subsystemColour(name),
    note: `${bytes(s.pages * 4096)} touched${s.huge ? `, ${count(s.huge)} blocks of 2 MiB as one page` : ""}; ${s.pte ? `${(s.pages / s.pte).toFixed(0)} pages a table` : "in others' tables"}`,
  }));
  const sum = (list: typeof tables) => list.reduce((a, d) => a + d.parts.reduce((b, p) => b + p.pte_tables, 0), 0);
  const tree = h("ul", { class: "tree" },
    h("li", {}, h("details", { open: true }, h("summary", {}, `PGD: 1 table, ${count(puds.size)} entr${puds.size === 1 ? "y" : "ies"} in use`),
      h("ul", {}, ...[...puds].map(([pud, list]) =>
        h("li", {}, h("details", { open: puds.size <= 4 }, h("summary", {}, `PUD table of 0x${(pud * 512 * 2 ** 30).toString(16)}: ${tableCount("PMD", list.length)}, ${tableCount("PTE", sum(list))}`),
          h("ul", {}, ...list.slice(0, 64).map((d) => {
            const strip = h("span", { class: "strip" });
            const all = d.parts.reduce((a, p) => a + p.pages, 0);
            for (const part of d.parts) {
              const name = owners[part.owner]?.subsystem ?? "Unknown";
              const piece = h("i", { title: `${name}: ${tableCount("PTE", part.pte_tables)}, ${bytes(part.pages * 4096)}` });
              piece.style.width = `${(part.pages / Math.max(all, 1)) * 100}%`;
              piece.style.background = subsystemColour(name);
              strip.append(piece);
            }
            const pte = d.parts.reduce((a, p) => a + p.pte_tables, 0);
            return h("li", {}, strip, `PMD table of 0x${(d.gib * 2 ** 30).toString(16)}: ${tableCount("PTE", pte)}, ${bytes(all * 4096)} touched`);
          }), list.length > 64 ? h("li", {}, `and ${count(list.length - 64)} more`) : null))))))));
  return h("div", {}, facts, bars("PTE tables by the subsystem whose page needs them", "pte_tables", rows),
    unseen > 0 ? h("p", { class: "note" }, `${count(unseen)} more PTE tables belong to areas in memory in which no fault was seen; of them the recording does not say more.`) : null,
    tree);
}

export function freeLists(recording: Recording): HTMLElement {
  const lists = recording.picture.free_lists;
  if (lists.length === 0) return absent("Free lists", whyMissing(recording, "free_lists"));
  const zones = new Map<string, FreeList[]>();
  for (const list of lists) {
    const key = `node ${list.node}, zone ${list.zone}`;
    zones.set(key, [...(zones.get(key) ?? []), list]);
  }
  const pages = (list: FreeList) => list.blocks_by_order.reduce((sum, blocks, order) => sum + blocks * 2 ** order, 0);
  const tablesOf = [...zones].map(([zone, moments]) => {
    const before = moments[0]!;
    const after = moments[moments.length - 1]!;
    const one = moments.length === 1;
    const most = Math.max(...moments.flatMap((m) => m.blocks_by_order.map((b, o) => b * 2 ** o)), 1);
    const cell = (list: FreeList, order: number, colour: string) => {
      const blocks = list.blocks_by_order[order] ?? 0;
      const bar = h("i", { class: "databar", "aria-hidden": "true" });
      bar.style.width = `${((blocks * 2 ** order) / most) * 100}%`;
      bar.style.background = colour;
      return h("td", { class: "number" }, figure(blocks, count), blocks > 0 ? bar : null);
    };
    return h("table", { class: "bars" }, h("caption", {}, `${zone}: ${bytes(4096 * pages(before))} free${one ? "" : ` at ${before.moment}, ${bytes(4096 * pages(after))} at ${after.moment}`}`),
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "order"), h("th", { scope: "col", class: "number" }, one ? before.moment : `blocks at ${before.moment}`),
        one ? null : h("th", { scope: "col", class: "number" }, `at ${after.moment}`), one ? null : h("th", { scope: "col", class: "number" }, "difference"))),
      h("tbody", {}, ...before.blocks_by_order.map((_, order) => h("tr", {}, h("th", { scope: "row" }, String(order)), cell(before, order, "#9aa3ad"),
        one ? null : cell(after, order, "#0072b2"),
        one ? null : h("td", { class: "number" }, count((after.blocks_by_order[order] ?? 0) - (before.blocks_by_order[order] ?? 0)))))));
  });
  const missing = recording.picture.missing.find((m) => m.what === "free_lists");
  return h("div", {}, h("div", { class: "grid" }, ...tablesOf),
    h("p", { class: "note" }, "Bars are bytes. The lists are the whole host's: other programs take and free frames too."),
    missing ? absent("The comparison of free lists", missing.why) : null);
}

export function placement(recording: Recording): HTMLElement {
  const { placement: placed } = recording.picture;
  const allocated = recording.report.page_allocs.by_node;
  const nodes = [...new Set(placed.flatMap((p) => p.nodes.map((n) => n.node)))].sort((a, b) => a - b);
  const parts: HTMLElement[] = [];
  if (placed.length === 0) parts.push(absent("Where the pages lie", whyMissing(recording, "placement")));
  else {
    const sum = (p: (typeof placed)[number]) => p.nodes.reduce((a, n) => a + n.bytes, 0);
    const palette = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#c7b400", "#8d7fb8"];
    const most = Math.max(...placed.map(sum), 1);
    parts.push(h("table", { class: "bars" }, h("caption", {}, "Bytes at the end by node, from numa_maps; an area of several subsystems counts for the one at its start"),
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "subsystem"), ...nodes.map((n) => h("th", { scope: "col", class: "number" }, `node ${n}`)), h("th", { scope: "col" }, ""))),
      h("tbody", {}, ...[...placed].sort((a, b) => sum(b) - sum(a)).map((p) => {
        const strip = h("span", { class: "strip" });
        strip.style.width = `${(sum(p) / most) * 100}%`;
        for (const n of p.nodes) {
          const piece = h("i", { title: `node ${n.node}: ${bytes(n.bytes)}` });
          piece.style.width = `${(n.bytes / Math.max(sum(p), 1)) * 100}%`;
          piece.style.background = palette[n.node % palette.length]!;
          strip.append(piece);
        }
        return h("tr", {}, h("th", { scope: "row" }, p.subsystem), ...nodes.map((n) => h("td", { class: "number" }, figure(p.nodes.find((x) => x.node === n)?.bytes ?? 0, bytes))), h("td", { class: "wide" }, strip));
      }))));
  }
  if (nodes.length === 1) parts.push(h("p", { class: "note" }, `All on one node${allocated ? `, and so were the ${count(Object.values(allocated).reduce((a, b) => a + b, 0))} blocks taken` : ""}: there was nothing to choose.`));
  return h("div", {}, ...parts);
}
