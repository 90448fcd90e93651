// Puts the page together.
import { costCharts, residentChart } from "./charts";
import { comparison } from "./compare";
import { costBars, costSentence } from "./costs";
import { readData, whyMissing, type Difference, type Recording } from "./data";
import { absent, figure, h, quoted, section } from "./dom";
import { flameGraph } from "./flame";
import { bytes, count, duration, share } from "./format";
import { latencyHeat } from "./heat";
import { allocationOrders, flushes, freeLists, pageTableTree, placement, waits } from "./kernel";
import { Later } from "./later";
import { AddressMap } from "./map";
import { State } from "./state";
import { faultTable, longestCalls, longestFaults, subsystemTable, syscallTable, threadTable } from "./tables";
import { ThreadTimeline } from "./threads";
import { findings, trustBanner, trustSection } from "./trust";

const BACKENDS: Record<string, string> = {
  bpf: "recorded in the kernel (BPF)",
  ptrace: "recorded without privileges (ptrace): memory calls, no page faults",
  import: "imported from a log of strace",
  model: "predicted by the model",
};

function header(recordings: Recording[], state: State): HTMLElement {
  const theme = h("button", { type: "button", class: "theme", "aria-label": "Switch between light and dark" }, "◐");
  theme.addEventListener("click", () => {
    const root = document.documentElement;
    const dark = getComputedStyle(root).getPropertyValue("--is-dark").trim() === "1";
    root.dataset.theme = dark ? "light" : "dark";
    state.tell("theme");
  });
  const many = recordings.length > 1;
  return h("header", {}, h("div", { class: "title" }, h("h1", {}, "firsttouch"), h("span", { class: "tool" }, recordings[0]!.report.tool.version), h("span", { class: "spacer" }), theme),
    ...recordings.map((recording, r) => {
      const { target, host, time, backend, faults, memory } = recording.report;
      const command = target.command.length > 0 ? target.command.join(" ") : target.executable || "(command not seen)";
      return h("div", { class: "target", "data-recording": r },
        h("p", { class: "command" }, many ? h("b", {}, `${"AB"[r]} `) : null, quoted(command, 900)),
        h("dl", { class: "facts" },
          h("div", {}, h("dt", {}, "wall time"), h("dd", { "data-time": "wall_ns" }, figure(time.wall_ns, duration))),
          h("div", {}, h("dt", {}, "memory management"), h("dd", { "data-time": "kernel_mm_ns" }, figure(time.kernel_mm_ns, duration))),
          h("div", {}, h("dt", {}, "page faults"), h("dd", { "data-time": "faults" }, figure(faults.count, count))),
          h("div", {}, h("dt", {}, "mapped"), h("dd", { "data-time": "reserved_bytes" }, figure(memory.reserved_bytes, bytes))),
          h("div", {}, h("dt", {}, "in memory at the end"), h("dd", { "data-time": "resident_end_bytes" }, figure(memory.resident_end_bytes, bytes))),
          h("div", {}, h("dt", {}, "exit"), h("dd", {}, figure(target.exit_status, String)))),
        h("p", { class: "host" }, BACKENDS[backend] ?? backend, " · ", quoted(host.kernel ?? "host not known", 80), host.cpu ? " · " : "", host.cpu ? quoted(host.cpu, 80) : "",
          target.processes > 1 ? ` · ${count(target.processes)} processes` : "", ` · ${count(target.threads)} thread${target.threads === 1 ? "" : "s"}`, memory.note ? " · " : "", memory.note ? quoted(memory.note) : "",
          recording.shift ? ` · its times are moved by ${duration(recording.shift)}, so that both starts stand above each other` : ""));
    }));
}

function costliest(recordings: Recording[]): HTMLElement {
  return h("div", { class: recordings.length > 1 ? "beside" : "" }, ...recordings.map((recording) => {
    const { costs, harmless } = recording.report.summary;
    return h("div", {},
      costs.length > 0
        ? h("ol", { class: "costliest" }, ...costs.map((c) => h("li", { "data-cost": c.ns }, h("strong", {}, figure(c.ns, duration)), ` (${share(c.share)}) `, quoted(c.what, 200), h("small", {}, quoted(c.how, 200)))))
        : absent("What cost most", whyMissing(recording, "time.kernel_mm", "syscalls.time")),
      harmless.length > 0 ? h("div", { class: "harmless" }, h("h3", {}, "Not worth worrying about"), h("ul", {}, ...harmless.map((t) => h("li", {}, quoted(t, 300))))) : null);
  }));
}

function each(recordings: Recording[], make: (recording: Recording) => HTMLElement): HTMLElement {
  return h("div", { class: recordings.length > 1 ? "beside" : "" },
    ...recordings.map((r, i) => h("div", { "data-recording": i }, recordings.length > 1 ? h("h3", {}, `${"AB"[i]}: `, quoted(r.name, 80)) : null, make(r))));
}

function selectionBar(state: State): HTMLElement {
  const holder = h("div", { class: "selection", role: "status", hidden: true });
  state.on(["brush"], () => {
    holder.hidden = !state.brush;
    document.documentElement.toggleAttribute("data-selected", state.brush !== null);
    if (!state.brush) return;
    holder.replaceChildren(`Selected: ${duration(state.brush[0])} to ${duration(state.brush[1])} (${duration(state.brush[1] - state.brush[0])}) `,
      h("button", { type: "button", onclick: () => state.setView(state.brush!) }, "zoom to it"),
      h("button", { type: "button", onclick: () => state.setBrush(null) }, "everything"));
  });
  return holder;
}

type Content = HTMLElement | null | (HTMLElement | null)[];

// In the order of the page. The first few fill the first screen.
function sectionsOf(recordings: Recording[], difference: Difference | null, state: State, maps: AddressMap[], later: Later): HTMLElement[] {
  const named = (make: (recording: Recording, i: number) => HTMLElement) =>
    h("div", {}, ...recordings.map((r, i) => h("div", { "data-recording": i }, recordings.length > 1 ? h("h3", {}, `${"AB"[i]}: `, quoted(r.name, 80)) : null, make(r, i))));
  // `whole`: it tells of the whole recording, whatever is selected.
  const deferred = (id: string, title: string, lead: string, make: () => Content, whole = false) => {
    const holder = section(id, title, lead, whole ? h("p", { class: "unselected" }, "The selection does not reach here: this is of the whole recording.") : null);
    later.add(() => holder.append(...[make()].flat().filter((e) => e !== null)));
    return holder;
  };
  const map = section("map", "Address space over time", "All addresses that were ever mapped, top to bottom; gaps between them are folded. Time runs to the right.",
    named((_, i) => maps[i]!.element));
  later.add(() => maps.forEach((m) => m.tellReading()));
  later.add(() => map.append(h("div", { class: "charts" }, ...costCharts(recordings, state))));
  return [
    section("cost", "What memory costs", costSentence(recordings[0]!), costBars(recordings, state), costliest(recordings)),
    ...(difference ? [comparison(recordings, difference)] : []),
    map,
    deferred("timeline", "Timeline by thread", "Drag over it to select a stretch of time: everything below follows.",
      () => named((r) => new ThreadTimeline(r, state).element)),
    deferred("subsystems", "Subsystems", "", () => [subsystemTable(recordings, state, maps), residentChart(recordings, state)]),
    deferred("calls", "Expensive calls", "The longest memory calls, with the way each took through the kernel as the model tells it.",
      () => [longestCalls(recordings, state), h("h3", {}, "All system calls"), syscallTable(recordings, state)]),
    deferred("faults", "Page faults", "",
      () => [faultTable(recordings, state), each(recordings, (r) => latencyHeat(r, state)), longestFaults(recordings, state)]),
    deferred("threads", "Threads", "", () => threadTable(recordings, state)),
    deferred("orders", "Page allocations", "Blocks taken from the page allocator by the recorded threads.", () => allocationOrders(recordings, state)),
    deferred("flushes", "TLB flushes", "", () => flushes(recordings, state)),
    deferred("waits", "Reclaim and waits", "", () => waits(recordings, state)),
    deferred("tables", "Page tables", "Tables that the touched pages need, from the top level down.", () => each(recordings, pageTableTree), true),
    deferred("free", "Free lists before and after", "", () => each(recordings, freeLists), true),
    deferred("numa", "NUMA placement", "", () => each(recordings, placement), true),
    deferred("flame", "Kernel stages, sampled", "", () => each(recordings, (r) => flameGraph(r, state))),
    deferred("findings", "Remarks", "", () => each(recordings, findings), true),
    deferred("trust", "How far to trust it", "Each line compares two independent sources.", () => each(recordings, trustSection), true),
  ];
}

function navigation(sections: HTMLElement[]): HTMLElement {
  const names: Record<string, string> = { cost: "Cost", orders: "Allocations", waits: "Waits", flame: "Flame graph", trust: "Trust" };
  const links = sections.map((part) => {
    const title = part.querySelector("h2")!.textContent!;
    return h("a", { href: `#${part.id}` }, names[part.id] ?? title.replace(/,.*| over time| by thread| before and after/g, ""));
  });
  return h("nav", { "aria-label": "Parts of the report" }, ...links);
}

function build(main: HTMLElement, text: string, done: () => void): { later: Later; state: State } {
  const { recordings, difference } = readData(text);
  const name = recordings[0]!.report.target.executable.split("/").pop() || "recording";
  document.title = `${name.slice(0, 60)} · firsttouch`;
  const state = new State(Math.min(...recordings.map((r) => r.picture.start)), Math.max(...recordings.map((r) => r.picture.end_ns)));
  const later = new Later(done);
  const many = recordings.length > 1;
  const maps = recordings.map((r, i) => new AddressMap(r, state, many ? "AB"[i]! : "", recordings[1 - i] ?? null));
  const sections = sectionsOf(recordings, difference, state, maps, later);
  main.append(header(recordings, state), h("div", {}, ...recordings.map((r, i) => trustBanner(r, many ? `${"AB"[i]}: ` : ""))),
    navigation(sections), selectionBar(state), ...sections);
  // What lies between must be there before one can jump over it.
  main.addEventListener("click", (event) => {
    if ((event.target as Element).closest('a[href^="#"]')) later.finish();
  });
  window.addEventListener("resize", () => state.tell("size"));
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => state.tell("theme"));
  // For tests, and for whoever looks into the page with the browser's console.
  Object.assign(window, { firsttouch: { recordings, difference, state, maps } });
  return { later, state };
}

// What is on the screen is printed as it is, unless it is dark or not all there. What is drawn while the
// browser prepares to print, Chromium prints as vectors, and clearing one canvas then wipes out those
// below: on paper there is one only.
function printing(main: HTMLElement, state: State, all: () => void): void {
  const root = document.documentElement;
  const redraw = (onPaper: boolean) => {
    root.toggleAttribute("data-paper", onPaper);
    state.onPaper = onPaper;
    state.tell("theme");
    all();
  };
  window.addEventListener("beforeprint", () => {
    const isDark = getComputedStyle(root).getPropertyValue("--is-dark").trim() === "1";
    if (isDark || main.dataset.ready === undefined) redraw(true);
  });
  window.addEventListener("afterprint", () => {
    if (state.onPaper) redraw(false);
  });
}

// <main> says how far it is: data-usable once the first screen was drawn, data-ready once everything
// is there; each with the milliseconds since the script began.
function start(): void {
  const main = document.getElementById("report")!;
  const began = performance.now();
  const since = () => String(Math.round(performance.now() - began));
  const complete = () => {
    main.removeAttribute("aria-busy");
    main.dataset.ready = since();
    performance.mark("complete");
  };
  try {
    const { later, state } = build(main, document.getElementById("data")!.textContent ?? "", complete);
    const all = () => {
      later.finish();
      state.settle();
    };
    printing(main, state, all);
    later.start(() => {
      main.dataset.usable = since();
      performance.mark("usable");
    });
    if (location.hash) all();
  } catch (error) {
    main.append(h("p", { class: "trust bad", role: "alert" }, `This report cannot be shown: ${String(error)}`));
    complete();
    throw error;
  }
}

start();
