// The timeline: one lane a thread with its page faults and memory calls, above them the phases of the
// start and what the kernel did meanwhile. Dragging selects a stretch of time, which all tables follow.
import { STAGE_COLOURS, theme, withAlpha } from "./colours";
import type { Recording } from "./data";
import { emptyCanvas, h, pointIn, showTip } from "./dom";
import { count, duration, printable } from "./format";
import type { State } from "./state";
import { GUTTER, TimeScale } from "./timescale";

const LANE = 22;
const TOP = 18;
const MOST_LANES = 24;

// Of the longest fault of a column: up to 10 µs, up to 100 µs, longer.
function shadeOf(ns: number): number {
  return ns <= 1e4 ? 0 : ns <= 1e5 ? 1 : 2;
}

interface Lane {
  name: string;
  threads: Set<number>;
  ns: number;
}

export class ThreadTimeline {
  readonly element: HTMLElement;
  private readonly canvas = h("canvas", {
    class: "lanes over", tabindex: "0", role: "application",
    "aria-label":
      "Timeline by thread. Drag to select a stretch of time. With keys: b and e put the selection's begin " +
      "and end at the moment of the map, arrows move it, Escape ends it, plus and minus zoom.",
  });
  private readonly tip = h("div", { class: "tip", role: "status", hidden: true });
  private readonly lanes: Lane[];
  private readonly laneOf: Int32Array; // by thread
  private readonly height: number;
  private readonly hasEvents: boolean;
  private drag: number | null = null;
  private readonly plot: TimeScale;

  constructor(private readonly recording: Recording, private readonly state: State) {
    const { picture } = recording;
    this.plot = new TimeScale(state);
    this.hasEvents = picture.events.length > 0;
    const sums = picture.threads.map((_, i) => ({ i, ns: 0 }));
    sums.push({ i: picture.threads.length, ns: 0 });
    const { cells, calls } = picture;
    for (let i = 0; i < cells.rows; i++) sums[cells.thread[i]!]!.ns += cells.ns[i]! + (cells.faults[i] ? 1 : 0);
    for (let i = 0; i < calls.rows; i++) sums[calls.thread[i]!]!.ns += Math.max(calls.net[i]!, 0) + 1;
    const order = sums.filter((s) => s.ns > 0).sort((a, b) => b.ns - a.ns);
    this.lanes = order.slice(0, MOST_LANES).map(({ i, ns }) => {
      const thread = picture.threads[i];
      const several = recording.report.target.processes > 1 && thread ? ` (${thread.pid})` : "";
      return { name: thread ? (thread.name || `thread ${thread.tid}`) + several : "threads not known", threads: new Set([i]), ns };
    });
    const rest = order.slice(MOST_LANES);
    if (rest.length > 0) {
      this.lanes.push({
        name: `${rest.length} other threads`,
        threads: new Set(rest.map((s) => s.i)),
        ns: rest.reduce((a, s) => a + s.ns, 0),
      });
    }
    this.laneOf = new Int32Array(sums.length).fill(-1);
    this.lanes.forEach((lane, i) => lane.threads.forEach((thread) => (this.laneOf[thread] = i)));
    this.height = TOP + (this.lanes.length + (this.hasEvents ? 1 : 0)) * LANE + 22;
    this.element = h("div", { class: "timeline" }, h("div", { class: "map-canvas" }, this.canvas, this.tip), this.legend());
    this.listen();
    state.on(["view", "brush", "moment", "theme", "size"], () => this.draw());
    state.onceLaidOut(() => this.draw());
  }

  private laneTop(lane: number): number {
    return TOP + (lane + (this.hasEvents ? 1 : 0)) * LANE;
  }

  private draw(): void {
    const box = this.canvas.parentElement;
    if (!box || box.clientWidth === 0) return;
    this.plot.wide = box.clientWidth;
    const context = emptyCanvas(this.canvas, this.plot.wide, this.height);
    this.drawGrid(context);
    context.save();
    context.beginPath();
    context.rect(GUTTER, 0, this.plot.plotWidth, this.height);
    context.clip();
    this.drawLives(context);
    this.drawFaults(context);
    this.drawCalls(context);
    this.drawEvents(context);
    this.drawSelection(context);
    context.restore();
  }

  private drawGrid(context: CanvasRenderingContext2D): void {
    const colours = theme();
    this.plot.drawGrid(context, TOP, this.height - 20, this.height - 9);
    context.textAlign = "right";
    context.fillStyle = colours.text;
    this.lanes.forEach((lane, i) => {
      context.fillText(printable(lane.name, 30), GUTTER - 10, this.laneTop(i) + LANE / 2, GUTTER - 14);
    });
    if (this.hasEvents) {
      context.fillStyle = colours.dim;
      context.fillText("kernel: reclaim, waits", GUTTER - 10, TOP + LANE / 2, GUTTER - 14);
    }
    context.textAlign = "left";
    const { phases } = this.recording.report.time;
    phases.forEach((phase, i) => {
      const x0 = Math.max(this.plot.x(phase.start_ns), GUTTER);
      const x1 = Math.min(this.plot.x(phase.end_ns ?? this.state.whole[1]), this.plot.wide);
      if (x1 <= x0 || x0 > this.plot.wide) return;
      context.fillStyle = withAlpha("#0072b2", i % 2 ? 0.22 : 0.12);
      context.fillRect(x0, 1, x1 - x0, TOP - 4);
      context.save();
      context.beginPath();
      context.rect(x0, 0, x1 - x0, TOP);
      context.clip();
      context.fillStyle = colours.text;
      context.fillText(printable(phase.name, 60), x0 + 4, TOP / 2 - 1);
      context.restore();
    });
  }

  private drawLives(context: CanvasRenderingContext2D): void {
    const colours = theme();
    const { threads } = this.recording.picture;
    this.lanes.forEach((lane, i) => {
      context.fillStyle = withAlpha(colours.dark ? "#ffffff" : "#000000", 0.12);
      for (const index of lane.threads) {
        const thread = threads[index];
        if (!thread) continue;
        const x0 = this.plot.x(thread.start_ns);
        const x1 = this.plot.x(thread.end_ns ?? this.state.whole[1]);
        context.fillRect(x0, this.laneTop(i) + LANE - 3, Math.max(x1 - x0, 0.5), 1);
      }
    });
  }

  // Each column of pixels: the share of the time that the thread spent in page faults as height, the
  // longest of them as shade.
  private drawFaults(context: CanvasRenderingContext2D): void {
    const { cells, cell_ns } = this.recording.picture;
    const columns = Math.ceil(this.plot.plotWidth);
    const [from, to] = this.state.view;
    const perColumn = (to - from) / columns;
    const busy = this.lanes.map(() => new Float64Array(columns));
    const longest = this.lanes.map(() => new Float64Array(columns));
    for (let i = 0; i < cells.rows; i++) {
      const lane = this.laneOf[cells.thread[i]!]!;
      if (lane < 0 || cells.faults[i] === 0) continue;
      const start = cells.ts[i]!;
      const spread = cells.faults[i]! > 1 ? Math.max(cell_ns, cells.ns[i]!) : cells.ns[i]!;
      if (start > to || start + spread < from) continue;
      const first = (start - from) / perColumn;
      const last = (start + spread - from) / perColumn;
      const density = cells.ns[i]! / Math.max(last - first, 1e-9);
      for (let c = Math.max(Math.floor(first), 0); c <= Math.min(Math.floor(last), columns - 1); c++) {
        busy[lane]![c]! += density * (Math.min(last, c + 1) - Math.max(first, c));
        longest[lane]![c] = Math.max(longest[lane]![c]!, cells.max[i]!);
      }
    }
    const { faults: shades } = theme();
    busy.forEach((column, lane) => {
      const top = this.laneTop(lane);
      for (let c = 0; c < columns; c++) {
        if (column[c] === 0) continue;
        const part = Math.min(column[c]! / perColumn / Math.max(this.lanes[lane]!.threads.size, 1), 1);
        const height = 1.5 + part * (LANE - 8);
        context.fillStyle = shades[shadeOf(longest[lane]![c]!)]!;
        context.fillRect(GUTTER + c, top + LANE - 4 - height, 1, height);
      }
    });
  }

  private drawCalls(context: CanvasRenderingContext2D): void {
    const { calls, stages } = this.recording.picture;
    for (let i = 0; i < calls.rows; i++) {
      const lane = this.laneOf[calls.thread[i]!]!;
      if (lane < 0) continue;
      const x = this.plot.x(calls.ts[i]!);
      if (x < GUTTER - 1 || x > this.plot.wide) continue;
      const wide = Math.max(this.plot.x(calls.ts[i]! + Math.max(calls.dur[i]!, 0)) - x, 1);
      context.fillStyle = STAGE_COLOURS[stages[calls.stage[i]!]!.name] ?? "#888888";
      context.fillRect(x, this.laneTop(lane) + 2, wide, 4);
    }
  }

  private drawEvents(context: CanvasRenderingContext2D): void {
    if (!this.hasEvents) return;
    for (const event of this.recording.picture.events) {
      const x = this.plot.x(event.ts);
      const wide = Math.max(this.plot.x(event.ts + event.dur_ns) - x, 1.5);
      context.fillStyle = event.kind.includes("reclaim") ? "#d55e00" : event.kind.includes("lock") ? "#0072b2" : "#8d7fb8";
      context.fillRect(x, TOP + 4, wide, LANE - 8);
    }
  }

  private drawSelection(context: CanvasRenderingContext2D): void {
    const colours = theme();
    const { brush, moment } = this.state;
    if (brush) {
      const a = this.plot.x(brush[0]);
      const b = this.plot.x(brush[1]);
      context.fillStyle = withAlpha("#0072b2", 0.16);
      context.fillRect(a, 0, b - a, this.height - 20);
      context.strokeStyle = "#0072b2";
      context.strokeRect(a + 0.5, 0.5, Math.max(b - a - 1, 1), this.height - 21);
    }
    const x = this.plot.x(moment);
    context.strokeStyle = colours.text;
    context.beginPath();
    context.moveTo(x, 0);
    context.lineTo(x, this.height - 20);
    context.stroke();
  }

  private showTip(x: number, y: number): void {
    const lane = Math.floor((y - TOP) / LANE) - (this.hasEvents ? 1 : 0);
    const { calls, cells, events, threads } = this.recording.picture;
    const ts = this.plot.time(x);
    const reach = ((this.state.view[1] - this.state.view[0]) / this.plot.plotWidth) * 3;
    const lines: string[] = [duration(ts)];
    if (this.hasEvents && y > TOP && y < TOP + LANE) {
      for (const event of events) {
        if (event.ts <= ts + reach && event.ts + event.dur_ns >= ts - reach && lines.length < 6) {
          lines.push(`${event.kind}${event.dur_ns ? ", " + duration(event.dur_ns) : ""} (${printable(threads[event.thread]?.name ?? "", 30)})`);
        }
      }
    }
    const shown = this.lanes[lane];
    if (shown) {
      lines.push(printable(shown.name, 60));
      for (let i = 0; i < calls.rows && lines.length < 6; i++) {
        if (!shown.threads.has(calls.thread[i]!)) continue;
        if (calls.ts[i]! <= ts + reach && calls.ts[i]! + Math.max(calls.dur[i]!, 0) >= ts - reach) {
          lines.push(`${calls.names[i]}: ${printable(calls.words[i]!, 90)}, ${calls.dur[i]! < 0 ? "no end seen" : duration(calls.dur[i]!)}`);
        }
      }
      let faults = 0;
      let ns = 0;
      for (let i = 0; i < cells.rows; i++) {
        if (cells.ts[i]! < ts - reach || cells.ts[i]! > ts + reach || !shown.threads.has(cells.thread[i]!)) continue;
        faults += cells.faults[i]!;
        ns += cells.ns[i]!;
      }
      if (faults > 0) lines.push(`${count(faults)} page faults within ${duration(2 * reach)}, ${duration(ns)}`);
    }
    this.tip.hidden = x < GUTTER || lines.length < 2;
    if (!this.tip.hidden) showTip(this.tip, { x, y }, lines.map((line) => [line]));
  }

  private listen(): void {
    const at = (event: MouseEvent) => pointIn(this.canvas, event);
    const clamp = (ts: number) => Math.min(Math.max(ts, this.state.whole[0]), this.state.whole[1]);
    this.canvas.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      this.drag = clamp(this.plot.time(at(event).x));
      this.canvas.setPointerCapture(event.pointerId);
    });
    this.canvas.addEventListener("pointermove", (event) => {
      const { x, y } = at(event);
      if (this.drag !== null) {
        const now = clamp(this.plot.time(x));
        this.state.setBrush([Math.min(this.drag, now), Math.max(this.drag, now)]);
      } else {
        this.showTip(x, y);
      }
    });
    this.canvas.addEventListener("pointerup", (event) => {
      const from = this.drag;
      this.drag = null;
      if (from === null) return;
      const x = at(event).x;
      if (Math.abs(this.plot.x(from) - x) < 4) {
        this.state.setBrush(null);
        this.state.setMoment(clamp(this.plot.time(x)));
      }
    });
    this.canvas.addEventListener("pointerleave", () => (this.tip.hidden = true));
    this.canvas.addEventListener("dblclick", () => {
      if (this.state.brush) this.state.setView(this.state.brush);
    });
    this.canvas.addEventListener("keydown", (event) => {
      const { brush, moment, whole, view } = this.state;
      const move = (share: number) => {
        if (!brush) return this.state.panTime(share);
        const by = (view[1] - view[0]) * share;
        this.state.setBrush([brush[0] + by, brush[1] + by]);
      };
      const keys: Record<string, () => void> = {
        b: () => this.state.setBrush([moment, Math.max(brush?.[1] ?? whole[1], moment)]),
        e: () => this.state.setBrush([Math.min(brush?.[0] ?? whole[0], moment), moment]),
        Escape: () => this.state.setBrush(null),
        ArrowLeft: () => move(-0.05),
        ArrowRight: () => move(0.05),
        ",": () => this.state.setMoment(moment - (view[1] - view[0]) / 50),
        ".": () => this.state.setMoment(moment + (view[1] - view[0]) / 50),
        "+": () => this.state.zoomTime(0.6),
        "-": () => this.state.zoomTime(1 / 0.6),
        "0": () => this.state.setView([...whole]),
      };
      const act = keys[event.key];
      if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      act();
    });
  }

  private legend(): HTMLElement {
    const { stages, calls_left_out } = this.recording.picture;
    const left = calls_left_out > 0 ? ` ${count(calls_left_out)} of the shorter calls are left out.` : "";
    return h("p", { class: "legend" },
      ...stages.map((stage) => {
        const swatch = h("i", { class: "swatch" });
        swatch.style.background = STAGE_COLOURS[stage.name] ?? "#888";
        return stage.name === "touch" ? null : h("span", { class: "key" }, swatch, stage.name);
      }),
      h("span", { class: "key" }, "page faults: height is the share of time, the longest took"),
      ...["up to 10 µs", "up to 100 µs", "longer"].map((words, i) => h("span", { class: "key" }, h("i", { class: `swatch fault-${i}` }), words)),
      h("span", { class: "note" }, "Drag to select a stretch; Escape, or a click, ends it. Keys: b, e, ← →, + −, 0." + left));
  }
}
