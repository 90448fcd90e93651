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
          target.processes > 1 ? ` · ${count(target.processes)} processes` : "", ` · ${count(target.threads)} threads`, memory.note ? " · " : "", memory.note ? quoted(memory.note) : "",
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
    if (!state.brush) return;
    holder.replaceChildren(`Selected: ${duration(state.brush[0])} to ${duration(state.brush[1])} (${duration(state.brush[1] - state.brush[0])}) `,
      h("button", { type: "button", onclick: () => state.setView(state.brush!) }, "zoom to it"),
      h("button", { type: "button", onclick: () => state.setBrush(null) }, "everything"));
  });
  return holder;
}

function build(recordings: Recording[], difference: Difference | null): (HTMLElement | null)[] {
  const state = new State(Math.min(...recordings.map((r) => r.picture.start)), Math.max(...recordings.map((r) => r.picture.end_ns)));
  const many = recordings.length > 1;
  const maps = recordings.map((r, i) => new AddressMap(r, state, many ? "AB"[i]! : ""));
  const sections = [
    section("cost", "What memory costs", costSentence(recordings[0]!), costBars(recordings, state), costliest(recordings)),
    difference ? comparison(recordings, difference) : null,
    section("map", "Address space over time", "All addresses that were ever mapped, top to bottom; gaps between them are folded. Time runs to the right.",
      h("div", {}, ...maps.map((m, i) => h("div", { "data-recording": i }, many ? h("h3", {}, `${"AB"[i]}: `, quoted(recordings[i]!.name, 80)) : null, m.element))),
      h("div", { class: "charts" }, ...costCharts(recordings, state))),
    section("timeline", "Timeline by thread", "Drag over it to select a stretch of time: everything below follows.",
      h("div", {}, ...recordings.map((r, i) => h("div", { "data-recording": i }, many ? h("h3", {}, `${"AB"[i]}: `, quoted(r.name, 80)) : null, new ThreadTimeline(r, state).element)))),
    section("subsystems", "Subsystems", "", subsystemTable(recordings, state, maps), residentChart(recordings, state)),
    section("calls", "Expensive calls", "The longest memory calls, with the way each took through the kernel as the model tells it.", longestCalls(recordings, state), h("h3", {}, "All system calls"), syscallTable(recordings, state)),
    section("faults", "Page faults", "", faultTable(recordings, state), each(recordings, (r) => latencyHeat(r, state)), longestFaults(recordings, state)),
    section("threads", "Threads", "", threadTable(recordings, state)),
    section("orders", "Page allocations", "Blocks taken from the page allocator by the recorded threads.", allocationOrders(recordings, state)),
    section("flushes", "TLB flushes", "", flushes(recordings, state)),
    section("waits", "Reclaim and waits", "", waits(recordings, state)),
    section("tables", "Page tables", "Tables that the touched pages need, from the top level down.", each(recordings, pageTableTree)),
    section("free", "Free lists before and after", "", each(recordings, freeLists)),
    section("numa", "NUMA placement", "", each(recordings, placement)),
    section("flame", "Kernel stages, sampled", "", each(recordings, (r) => flameGraph(r, state))),
    section("findings", "Remarks", "", each(recordings, findings)),
    section("trust", "How far to trust it", "Each line compares two independent sources.", each(recordings, trustSection)),
  ];
  const nav = h("nav", { "aria-label": "Parts of the report" },
    ...sections.filter((s) => s !== null).map((s) => h("a", { href: `#${s.id}` }, s.querySelector("h2")!.textContent!.replace(/,.*| over time| by thread| before and after/g, "") || s.id)));
  nav.querySelector('a[href="#cost"]')!.textContent = "Cost";
  window.addEventListener("resize", () => state.tell("size"));
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => state.tell("theme"));
  // For tests, and for whoever looks into the page with the browser's console.
  Object.assign(window, { firsttouch: { recordings, difference, state, maps } });
  return [header(recordings, state), h("div", {}, ...recordings.map((r, i) => trustBanner(r, many ? `${"AB"[i]}: ` : ""))), nav, selectionBar(state), ...sections];
}

function start(): void {
  const main = document.getElementById("report")!;
  const began = performance.now();
  try {
    const { recordings, difference } = readData(document.getElementById("data")!.textContent ?? "");
    const name = recordings[0]!.report.target.executable.split("/").pop() || "recording";
    document.title = `${name.slice(0, 60)} · firsttouch`;
    main.append(...build(recordings, difference).filter((e): e is HTMLElement => e !== null));
  } catch (error) {
    main.append(h("p", { class: "trust bad", role: "alert" }, `This report cannot be shown: ${String(error)}`));
    throw error;
  } finally {
    main.removeAttribute("aria-busy");
    main.dataset.ready = String(Math.round(performance.now() - began));
  }
}

start();
