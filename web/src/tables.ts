// The tables of the report: subsystems, calls, faults, threads. With a selection their counts and
// times are those of the selected stretch; without one, they are the report's, to the last digit.
import { subsystemColour } from "./colours";
import type { Recording } from "./data";
import { whyMissing } from "./data";
import { absent, figure, h, quoted } from "./dom";
import { bytes, count, duration, printable } from "./format";
import { search } from "./columns";
import type { AddressMap } from "./map";
import type { State } from "./state";
import { select, type Selected } from "./totals";

interface Column<Row> {
  title: string;
  key: string;
  value: (row: Row) => number | null;
  text: (value: number) => string;
  bar?: (row: Row) => string; // its colour
}

// A table with figures, a bar behind each where one was asked for, and columns that sort it.
function numberTable<Row>(caption: string, first: string, rows: Row[], name: (row: Row) => string, head: (row: Row) => HTMLElement, columns: Column<Row>[]): HTMLElement {
  let by = -1;
  const most = columns.map((c) => rows.reduce((m, row) => Math.max(m, c.value(row) ?? 0), 0));
  const body = h("tbody", {});
  const fill = () => {
    const shown = [...rows];
    if (by >= 0) shown.sort((a, b) => (columns[by]!.value(b) ?? -1) - (columns[by]!.value(a) ?? -1));
    body.replaceChildren(
      ...shown.map((row) =>
        h("tr", { "data-row": printable(name(row)) },
          h("th", { scope: "row" }, head(row)),
          ...columns.map((column, i) => {
            const value = column.value(row);
            const cell = h("td", { class: "number", "data-key": column.key }, figure(value, column.text));
            if (column.bar && value !== null && value > 0) {
              const bar = h("i", { class: "databar", "aria-hidden": "true" });
              bar.style.width = `${(value / most[i]!) * 100}%`;
              bar.style.background = column.bar(row);
              cell.append(bar);
            }
            return cell;
          }))),
    );
  };
  const heads = columns.map((column, i) => {
    const button = h("button", { type: "button", class: "sort", title: `Sort by ${column.title}` }, column.title);
    const cell = h("th", { scope: "col", class: "number" }, button);
    button.addEventListener("click", () => {
      by = by === i ? -1 : i;
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      if (by >= 0) cell.setAttribute("aria-sort", "descending");
      fill();
    });
    return cell;
  });
  fill();
  return h("div", { class: "scroll" },
    h("table", {}, h("caption", { class: "sr" }, caption),
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, first), ...heads)), body));
}

function note(selected: Selected | null, state: State): HTMLElement | null {
  if (!selected || !state.brush) return null;
  return h("p", { class: "filtered" }, `Counts and times from ${duration(state.brush[0])} to ${duration(state.brush[1])}; sizes are of the end.`);
}

// Tables that follow the selection.
export function following(recordings: Recording[], state: State, make: (recording: Recording, selected: Selected | null) => (HTMLElement | null)[], wide = false): HTMLElement {
  const holder = h("div", { class: recordings.length > 1 && !wide ? "beside" : "" });
  const render = () => {
    holder.replaceChildren(
      ...recordings.map((recording, r) => {
        const selected = state.brush ? select(recording, state.brush) : null;
        return h("div", { "data-recording": r }, recordings.length > 1 ? h("h3", {}, `${"AB"[r]}: `, quoted(recording.name, 80)) : null,
          note(selected, state), ...make(recording, selected));
      }),
    );
  };
  state.on(["brush"], render);
  render();
  return holder;
}

export function subsystemTable(recordings: Recording[], state: State, maps: AddressMap[]): HTMLElement {
  return following(recordings, state, (recording, selected) => {
    const rows = recording.report.subsystems;
    if (rows.length === 0) return [absent("Subsystems", whyMissing(recording, "target"))];
    const colour = (row: (typeof rows)[number]) => subsystemColour(row.name);
    const faults = recording.report.faults.count !== null;
    const calls = recording.report.time.memory_calls_ns !== null;
    type Row = (typeof rows)[number];
    const columns: Column<Row>[] = [
      { title: "reserved", key: "reserved_bytes", value: (r) => r.reserved_bytes, text: bytes, bar: colour },
      { title: "committed", key: "committed_bytes", value: (r) => r.committed_bytes, text: bytes, bar: colour },
      { title: "in memory", key: "resident_end_bytes", value: (r) => r.resident_end_bytes, text: bytes, bar: colour },
      { title: "peak", key: "resident_peak_bytes", value: (r) => r.resident_peak_bytes, text: bytes },
      { title: "huge", key: "huge_bytes", value: (r) => r.huge_bytes, text: bytes },
      { title: "faults", key: "faults", value: (r) => selected && faults ? selected.faultsBySubsystem.get(r.name)?.count ?? 0 : r.faults, text: count },
      { title: "fault time", key: "fault_ns", value: (r) => selected && faults ? selected.faultsBySubsystem.get(r.name)?.ns ?? 0 : r.fault_ns, text: duration, bar: colour },
      { title: "calls", key: "syscalls", value: (r) => selected ? selected.callsBySubsystem.get(r.name)?.count ?? 0 : r.syscalls, text: count },
      { title: "call time", key: "syscall_ns", value: (r) => selected && calls ? selected.callsBySubsystem.get(r.name)?.ns ?? 0 : r.syscall_ns, text: duration, bar: colour },
    ];
    const known = columns.filter((c) => rows.some((row) => c.value(row) !== null));
    const map = maps[recordings.indexOf(recording)];
    const head = (row: Row) => {
      const swatch = h("i", { class: "swatch" });
      swatch.style.background = colour(row);
      const button = h("button", { type: "button", class: "link", title: "Show it alone in the map", onclick: () => {
        map?.showOnly(row.name);
        map?.element.scrollIntoView({ behavior: "smooth", block: "center" });
      } }, row.name);
      const details = row.details.length
        ? h("details", {}, h("summary", {}, `${row.details.length} parts`),
            h("ul", {}, ...row.details.slice(0, 40).map((d) => h("li", {}, quoted(d.name, 60), `: ${bytes(d.reserved_bytes)} reserved, ${bytes(d.committed_bytes)} committed` +
              (d.resident_end_bytes === null ? "" : `, ${bytes(d.resident_end_bytes)} in memory`) + (d.faults === null ? "" : `, ${count(d.faults)} faults`)))))
        : null;
      return h("span", {}, swatch, button, h("small", {}, `by ${row.evidence}`), details);
    };
    const parts: (HTMLElement | null)[] = [numberTable("Memory, faults, calls and time by subsystem", "subsystem", rows, (r) => r.name, head, known)];
    if (known.length < columns.length) {
      const gone = columns.filter((c) => !known.includes(c)).map((c) => c.title).join(", ");
      parts.push(absent(gone[0]!.toUpperCase() + gone.slice(1), whyMissing(recording, "subsystems.resident", "faults", "syscalls.time", "subsystems.resident_peak")));
    }
    return parts;
  }, true);
}

export function syscallTable(recordings: Recording[], state: State): HTMLElement {
  return following(recordings, state, (recording, selected) => {
    const rows = Object.entries(recording.report.syscalls).filter(([, s]) => s.count > 0);
    if (rows.length === 0) return [absent("System calls", "the recording has none")];
    type Row = (typeof rows)[number];
    const own = (row: Row) => (selected && row[1].memory ? selected.callsByName.get(row[0]) ?? { count: 0, ns: 0, max: 0 } : null);
    const pick = (row: Row, chosen: (s: { count: number; ns: number; max: number }) => number | null, whole: number | null) =>
      selected ? (row[1].memory ? chosen(own(row)!) : null) : whole;
    const columns: Column<Row>[] = [
      { title: "count", key: "count", value: (r) => pick(r, (s) => s.count, r[1].count), text: count },
      { title: "errors", key: "errors", value: (r) => pick(r, () => null, r[1].errors), text: count },
      { title: "total", key: "total_ns", value: (r) => pick(r, (s) => s.ns, r[1].total_ns), text: duration, bar: () => "#0072b2" },
      { title: "median", key: "p50_ns", value: (r) => pick(r, () => null, r[1].p50_ns), text: duration },
      { title: "99 %", key: "p99_ns", value: (r) => pick(r, () => null, r[1].p99_ns), text: duration },
      { title: "longest", key: "max_ns", value: (r) => pick(r, (s) => s.max, r[1].max_ns), text: duration },
      { title: "bytes", key: "bytes", value: (r) => pick(r, () => null, r[1].bytes), text: bytes },
    ];
    return [numberTable("System calls by name", "call", rows, (r) => r[0], (r) => h("span", {}, r[0], r[1].memory ? "" : h("small", {}, "no memory call")),
      columns.filter((c) => rows.some((row) => c.value(row) !== null)))];
  });
}

export function faultTable(recordings: Recording[], state: State): HTMLElement {
  return following(recordings, state, (recording, selected) => {
    const { faults } = recording.report;
    if (faults.count === null) return [absent("Page faults", whyMissing(recording, "faults"))];
    const rows = faults.classes ?? [];
    type Row = (typeof rows)[number];
    const sum = (row: Row) => selected?.faultsByKind.get(row.name);
    const columns: Column<Row>[] = [
      { title: "count", key: "count", value: (r) => (selected ? sum(r)?.count ?? 0 : r.count), text: count, bar: () => "#d55e00" },
      { title: "total", key: "total_ns", value: (r) => (selected ? sum(r)?.ns ?? 0 : r.total_ns), text: duration, bar: () => "#d55e00" },
      { title: "median", key: "p50_ns", value: (r) => (selected ? null : r.p50_ns), text: duration },
    ];
    const facts = selected
      ? [["selected", selected.faults.count, count], ["time", selected.faults.ns, duration]] as const
      : [["count", faults.count, count], ["minor", faults.minor, count], ["major", faults.major, count], ["huge", faults.huge, count],
         ["total_ns", faults.total_ns, duration], ["p50_ns", faults.p50_ns, duration], ["p99_ns", faults.p99_ns, duration], ["max_ns", faults.max_ns, duration]] as const;
    const titles: Record<string, string> = { count: "faults", total_ns: "in all", p50_ns: "median", p99_ns: "99 %", max_ns: "longest" };
    return [
      h("dl", { class: "facts" }, ...facts.map(([key, value, text]) => h("div", {}, h("dt", {}, titles[key] ?? key), h("dd", { "data-fault": key }, figure(value as number | null, text))))),
      numberTable("Page faults by kind", "kind", rows, (r) => r.name, (r) => h("span", {}, r.name), columns.filter((c) => rows.some((row) => c.value(row) !== null))),
    ];
  });
}

export function threadTable(recordings: Recording[], state: State): HTMLElement {
  return following(recordings, state, (recording, selected) => {
    const { picture, report } = recording;
    const index = new Map(picture.threads.map((t, i) => [`${t.tid} ${t.name}`, i]));
    const rows = report.threads.filter((t) => t.syscalls > 0 || (t.faults ?? 0) > 0);
    type Row = (typeof rows)[number];
    const at = (row: Row) => index.get(`${row.tid} ${row.name}`) ?? -1;
    const columns: Column<Row>[] = [
      { title: "faults", key: "faults", value: (r) => selected && report.faults.count !== null ? selected.faultsByThread.get(at(r))?.count ?? 0 : r.faults, text: count },
      { title: "fault time", key: "fault_ns", value: (r) => selected && report.faults.count !== null ? selected.faultsByThread.get(at(r))?.ns ?? 0 : r.fault_ns, text: duration, bar: () => "#d55e00" },
      { title: "calls", key: "syscalls", value: (r) => selected ? selected.callsByThread.get(at(r))?.count ?? 0 : r.syscalls, text: count },
      { title: "call time", key: "syscall_ns", value: (r) => selected && report.time.memory_calls_ns !== null ? selected.callsByThread.get(at(r))?.ns ?? 0 : r.syscall_ns, text: duration, bar: () => "#56b4e9" },
    ];
    if (rows.length === 0) return [absent("Threads", "none of them did anything with memory that was recorded")];
    const shown = rows.slice(0, 60);
    return [numberTable("Threads by time in memory management", "thread", shown, (r) => `${r.tid}`, (r) => h("span", {}, quoted(r.name || "(no name)", 60), h("small", {}, String(r.tid))),
        columns.filter((c) => rows.some((row) => c.value(row) !== null))),
      rows.length > shown.length ? h("p", { class: "note" }, `${rows.length - shown.length} more threads are in report --format json.`) : null];
  });
}

// --- the longest calls and faults ------------------------------------------------------------------

interface Shown {
  id: number;
  ts: number;
  dur: number | null;
  thread: string;
  name: string;
  words: string;
  subsystem: string;
  caller: string;
  error: string;
}

function longestOf(recording: Recording, state: State): Shown[] {
  const { report, picture } = recording;
  if (!state.brush) {
    return report.longest_calls.map((c) => ({
      id: c.id, ts: c.ts, dur: c.dur_ns, thread: c.thread || String(c.tid), name: c.name, words: c.words,
      subsystem: c.subsystem + (c.detail ? ` / ${c.detail}` : ""), caller: c.caller, error: c.error ?? "",
    }));
  }
  const [from, to] = state.brush;
  const { calls } = picture;
  const found: number[] = [];
  for (let i = 0; i < calls.rows; i++) if (calls.ts[i]! >= from && calls.ts[i]! <= to && calls.dur[i]! >= 0) found.push(i);
  found.sort((a, b) => calls.dur[b]! - calls.dur[a]!);
  return found.slice(0, Math.max(report.longest_calls.length, 10)).map((i) => {
    const owner = picture.owners[calls.owner[i]!]!;
    const thread = picture.threads[calls.thread[i]!];
    return {
      id: calls.id[i]!, ts: calls.ts[i]!, dur: calls.dur[i]!, thread: thread?.name ?? "", name: calls.names[i]!, words: calls.words[i]!,
      subsystem: owner.subsystem + (owner.detail ? ` / ${owner.detail}` : ""), caller: "", error: calls.failed[i] ? "failed" : "",
    };
  });
}

export function longestCalls(recordings: Recording[], state: State): HTMLElement {
  return following(recordings, state, (recording) => {
    const shown = longestOf(recording, state);
    if (shown.length === 0) {
      return [absent("Longest calls", state.brush ? "no memory call began in the selection" : whyMissing(recording, "syscalls.time"))];
    }
    const most = shown[0]!.dur ?? 1;
    const items = shown.map((call) => {
      const path = recording.picture.narrated.find((n) => n.id === call.id);
      const bar = h("i", { class: "databar", "aria-hidden": "true" });
      bar.style.width = `${((call.dur ?? 0) / Math.max(most, 1)) * 100}%`;
      bar.style.background = "#0072b2";
      const more = path
        ? h("details", {}, h("summary", {}, `the way through the kernel, ${path.steps.length} steps`),
            h("ol", { class: "path" }, ...path.steps.map((s) => h("li", {}, h("code", {}, s.function), " ", quoted(s.text, 300)))))
        : null;
      return h("li", { "data-call": call.id },
        h("div", { class: "call-head" }, h("strong", {}, figure(call.dur, duration)), " ", quoted(call.words, 200),
          call.error ? h("em", {}, ` ${call.error}`) : null, bar),
        h("small", {}, `call ${count(call.id)}, ${call.name}, at ${duration(call.ts)} by `, quoted(call.thread, 60), `, for ${printable(call.subsystem, 80)}`,
          call.caller ? ", from " : "", call.caller ? quoted(call.caller, 120) : ""),
        more,
        h("button", { type: "button", class: "link", onclick: () => {
          const at = search(recording.picture.calls.id, call.id);
          const long = Math.max(call.dur ?? 0, 1000);
          state.setView([call.ts - 2 * long, call.ts + 3 * long]);
          state.setMoment(call.ts + (at >= 0 ? Math.max(recording.picture.calls.dur[at]!, 0) : 0));
          document.getElementById("map")?.scrollIntoView({ behavior: "smooth" });
        } }, "show in the map"));
    });
    return [h("ol", { class: "calls" }, ...items),
      recording.picture.not_narrated ? absent("The way through the kernel", recording.picture.not_narrated) : null];
  });
}

export function longestFaults(recordings: Recording[], state: State): HTMLElement {
  return following(recordings, state, (recording) => {
    const { longest_faults, faults } = recording.report;
    if (faults.count === null) return [];
    const [from, to] = state.brush ?? [0, Infinity];
    const rows = longest_faults.filter((f) => f.ts >= from && f.ts <= to);
    if (rows.length === 0) return [h("p", { class: "note" }, "None of the longest page faults began in the selection.")];
    return [h("details", {}, h("summary", {}, `the ${rows.length} longest page faults`),
      h("div", { class: "scroll" }, h("table", {},
        h("thead", {}, h("tr", {}, ...["took", "when", "address", "what", "subsystem", "thread"].map((t) => h("th", { scope: "col" }, t)))),
        h("tbody", {}, ...rows.map((f) => h("tr", {}, h("td", { class: "number" }, figure(f.dur_ns, duration)), h("td", { class: "number" }, duration(f.ts)),
          h("td", {}, h("code", {}, f.address)), h("td", {}, f.words), h("td", {}, f.subsystem), h("td", {}, quoted(f.thread, 40))))))))];
  });
}
