// The main picture: one process's address space over time. Across: time. Down: all addresses that
// were ever mapped. A reservation is an outline, what is committed a tint, what was touched is filled
// in from the moment it was touched until it was given back.
import { AddressAxis, type Scale } from "./axis";
import { heatColour, rgb, subsystemColour, theme, withAlpha } from "./colours";
import type { Recording } from "./data";
import { absent, canvasSize, figure, h, quoted } from "./dom";
import { whyMissing } from "./data";
import { address, bytes, count, duration } from "./format";
import { rasterise, type RasterCells } from "./raster";
import { State, tickText, ticks } from "./state";
import { courses, type Courses } from "./totals";

export const GUTTER = 168; // left of every plot that shares the axis of time
const TOP = 20;
const BOTTOM = 22;
const HEIGHT = 560;

type Paint = "subsystem" | "latency";

export class AddressMap {
  readonly element: HTMLElement;
  private readonly base = h("canvas", { class: "layer", "aria-hidden": "true" });
  private readonly over = h("canvas", {
    class: "layer over",
    tabindex: "0",
    role: "application",
    "aria-label":
      "Address space over time. Arrow keys move, plus and minus zoom time, brackets zoom addresses, " +
      "page up and down step through the areas, comma and full stop move the moment, space plays, 0 shows all.",
  });
  private readonly tip = h("div", { class: "tip", role: "status", hidden: true });
  private readonly reading = h("dl", { class: "reading", "aria-live": "off" });
  private readonly slider = h("input", {
    type: "range", min: "0", max: "1000", value: "1000", step: "1", class: "scrub",
    "aria-label": "Moment: the map is drawn up to it",
  });
  private readonly playButton = h("button", { type: "button", class: "play" }, "▶ Play");
  private readonly courses: Courses;
  private axis: AddressAxis;
  private view: [number, number];
  private scale: Scale = "balanced";
  private paint: Paint = "subsystem";
  private only: string | null = null;
  private cells: RasterCells;
  private image: HTMLCanvasElement | null = null;
  private pointer: { x: number; y: number } | null = null;
  private drag: { x: number; y: number } | null = null;
  private area = -1;
  private playing = 0;
  private wide = 0;

  constructor(private readonly recording: Recording, private readonly state: State, private readonly label: string) {
    this.courses = courses(recording.picture);
    this.axis = new AddressAxis(recording.picture, this.scale, null);
    this.view = [0, this.axis.total];
    this.cells = this.placed();
    const stack = h("div", { class: "map-canvas" }, this.base, this.over, this.tip);
    this.element = h(
      "div",
      { class: "map" },
      recording.picture.regions.rows === 0
        ? absent("Address space over time", whyMissing(recording, "map", "target"))
        : [this.controls(), stack, this.scrubber(), this.reading, this.legend()],
    );
    if (recording.picture.regions.rows === 0) return;
    this.listen();
    state.on(["view", "theme", "size"], () => this.draw());
    state.on(["moment", "brush"], () => this.drawOver());
    // Canvases have no width before they are in the page.
    requestAnimationFrame(() => this.draw());
  }

  // --- what is drawn -------------------------------------------------------------------------------

  private placed(): RasterCells {
    const { cells } = this.recording.picture;
    const places = this.axis.placesOf(cells);
    return {
      rows: cells.rows,
      ts: cells.ts,
      until: cells.until,
      from: places.from,
      to: places.to,
      rgb: this.painted(),
      huge: Uint8Array.from(cells.order, (order, i) =>
        order >= 9 && cells.pages[i]! === 2 ** order * Math.max(cells.faults[i]!, 1) ? 1 : 0),
    };
  }

  private painted(): Uint8Array {
    const { cells, owners } = this.recording.picture;
    const out = new Uint8Array(3 * cells.rows);
    const colours = owners.map((owner) => rgb(subsystemColour(owner.subsystem)));
    for (let i = 0; i < cells.rows; i++) {
      const each = cells.ns[i]! / Math.max(cells.faults[i]!, 1);
      const colour =
        this.paint === "subsystem"
          ? colours[cells.owner[i]!]!
          : heatColour((Math.log10(Math.max(each, 100)) - 2) / 4);
      out.set(colour, 3 * i);
    }
    return out;
  }

  private rebuild(): void {
    this.axis = new AddressAxis(this.recording.picture, this.scale, this.only);
    this.view = [0, this.axis.total];
    this.cells = this.placed();
    this.area = -1;
    this.draw();
  }

  showOnly(subsystem: string | null): void {
    this.only = subsystem;
    const select = this.element.querySelector<HTMLSelectElement>("select.only");
    if (select) select.value = subsystem ?? "";
    this.rebuild();
  }

  private get plotWidth(): number {
    return Math.max(this.wide - GUTTER - 8, 10);
  }
  private get plotHeight(): number {
    return HEIGHT - TOP - BOTTOM;
  }
  private x(ts: number): number {
    const [from, to] = this.state.view;
    return GUTTER + ((ts - from) / (to - from)) * this.plotWidth;
  }
  private time(x: number): number {
    const [from, to] = this.state.view;
    return from + ((x - GUTTER) / this.plotWidth) * (to - from);
  }
  private y(weight: number): number {
    return TOP + ((weight - this.view[0]) / (this.view[1] - this.view[0])) * this.plotHeight;
  }
  private weight(y: number): number {
    return this.view[0] + ((y - TOP) / this.plotHeight) * (this.view[1] - this.view[0]);
  }

  private draw(): void {
    const box = this.base.parentElement;
    if (!box || box.clientWidth === 0) return;
    this.wide = box.clientWidth;
    const context = canvasSize(this.base, this.wide, HEIGHT);
    const colours = theme();
    context.clearRect(0, 0, this.wide, HEIGHT);
    this.drawAxisOfTime(context);
    context.save();
    context.beginPath();
    context.rect(GUTTER, TOP, this.plotWidth, this.plotHeight);
    context.clip();
    this.drawRegions(context, colours.dark);
    this.drawTouched(context);
    this.drawUntouched(context);
    context.restore();
    this.drawBands(context);
    this.drawOver();
  }

  private drawAxisOfTime(context: CanvasRenderingContext2D): void {
    const colours = theme();
    const [from, to] = this.state.view;
    const marks = ticks(from, to, this.plotWidth / 110);
    const step = marks.length > 1 ? marks[1]! - marks[0]! : to - from;
    context.font = "11px system-ui, sans-serif";
    context.textAlign = "center";
    context.textBaseline = "top";
    for (const mark of marks) {
      const x = Math.round(this.x(mark)) + 0.5;
      context.strokeStyle = colours.line;
      context.lineWidth = 1;
      context.beginPath();
      context.moveTo(x, TOP);
      context.lineTo(x, HEIGHT - BOTTOM + 4);
      context.stroke();
      context.fillStyle = colours.dim;
      context.fillText(tickText(mark, step), x, HEIGHT - BOTTOM + 7);
    }
    context.textAlign = "left";
    context.textBaseline = "alphabetic";
    let lastEnd = GUTTER;
    for (const phase of this.recording.report.time.phases) {
      const x = this.x(phase.start_ns);
      if (x < GUTTER - 1 || x > this.wide) continue;
      context.strokeStyle = withAlpha(colours.dark ? "#ffffff" : "#000000", 0.28);
      context.setLineDash([2, 3]);
      context.beginPath();
      context.moveTo(x, 4);
      context.lineTo(x, HEIGHT - BOTTOM);
      context.stroke();
      context.setLineDash([]);
      const text = phase.name.slice(0, 28);
      if (x + 3 < lastEnd) continue;
      context.fillStyle = colours.dim;
      context.fillText(text, x + 3, 13);
      lastEnd = x + 9 + context.measureText(text).width;
    }
  }

  private drawRegions(context: CanvasRenderingContext2D, dark: boolean): void {
    const { regions, owners } = this.recording.picture;
    const [from, to] = this.state.view;
    for (let i = 0; i < regions.rows; i++) {
      if (regions.from[i]! > to || regions.to[i]! < from) continue;
      const span = this.axis.spanOf(regions.page[i]!, regions.page[i]! + regions.pages[i]!);
      if (!span || span[1] < this.view[0] || span[0] > this.view[1]) continue;
      const y0 = Math.max(this.y(span[0]), TOP - 4);
      const y1 = Math.min(this.y(span[1]), HEIGHT - BOTTOM + 4);
      const x0 = Math.max(this.x(regions.from[i]!), GUTTER - 4);
      const x1 = Math.min(this.x(Math.min(regions.to[i]!, this.state.whole[1])), this.wide);
      const colour = subsystemColour(owners[regions.owner[i]!]!.subsystem);
      const width = Math.max(x1 - x0, 0.5);
      if (regions.committed[i]) {
        context.fillStyle = withAlpha(colour, dark ? 0.3 : 0.22);
        context.fillRect(x0, y0, width, Math.max(y1 - y0, 0.6));
      } else if (y1 - y0 >= 3 && width >= 3) {
        context.fillStyle = withAlpha(colour, 0.05);
        context.fillRect(x0, y0, width, y1 - y0);
        context.strokeStyle = withAlpha(colour, 0.75);
        context.lineWidth = 1;
        context.strokeRect(x0 + 0.5, y0 + 0.5, width - 1, y1 - y0 - 1);
      } else {
        context.fillStyle = withAlpha(colour, 0.3);
        context.fillRect(x0, y0, width, Math.max(y1 - y0, 0.4) * 0.5);
      }
    }
  }

  private drawTouched(context: CanvasRenderingContext2D): void {
    const ratio = this.base.width / this.wide;
    const width = Math.max(1, Math.round(this.plotWidth * ratio));
    const height = Math.max(1, Math.round(this.plotHeight * ratio));
    const pixels = rasterise(this.cells, { width, height, time: this.state.view, place: this.view });
    this.image ??= document.createElement("canvas");
    this.image.width = width;
    this.image.height = height;
    const image = new ImageData(width, height);
    image.data.set(pixels);
    this.image.getContext("2d")!.putImageData(image, 0, 0);
    context.imageSmoothingEnabled = false;
    context.drawImage(this.image, GUTTER, TOP, this.plotWidth, this.plotHeight);
  }

  // In words, where there is room: it is the point of the picture.
  private drawUntouched(context: CanvasRenderingContext2D): void {
    if (this.recording.report.faults.count === null) return;
    const colours = theme();
    context.font = "italic 11px system-ui, sans-serif";
    context.textAlign = "right";
    context.textBaseline = "middle";
    context.fillStyle = colours.dim;
    for (const part of this.axis.untouched()) {
      const y0 = Math.max(this.y(part.from), TOP);
      const y1 = Math.min(this.y(part.to), HEIGHT - BOTTOM);
      if (y1 - y0 < 17) continue;
      context.fillText(`${bytes(part.bytes)} never touched`, GUTTER + this.plotWidth - 12, (y0 + y1) / 2);
    }
  }

  private drawBands(context: CanvasRenderingContext2D): void {
    const colours = theme();
    let free = -Infinity;
    context.textBaseline = "middle";
    let lastName = "";
    let lastY = -Infinity;
    for (const band of this.axis.bands) {
      if (band.to < this.view[0] || band.from > this.view[1]) continue;
      const y0 = Math.max(this.y(band.from), TOP);
      const y1 = Math.min(this.y(band.to), HEIGHT - BOTTOM);
      const colour = subsystemColour(band.subsystem);
      context.fillStyle = colour;
      context.fillRect(GUTTER - 6, y0, 4, Math.max(y1 - y0, 0.8));
      const middle = (y0 + y1) / 2;
      if (middle - 6 < free || (band.subsystem === lastName && middle - lastY < 26)) continue;
      context.font = "11px system-ui, sans-serif";
      context.textAlign = "right";
      context.fillStyle = colours.text;
      context.fillText(band.subsystem, GUTTER - 11, middle, GUTTER - 16);
      free = middle + 6;
      lastName = band.subsystem;
      lastY = middle;
      if (y1 - y0 > 27) {
        context.fillStyle = colours.dim;
        context.fillText(bytes((band.end - band.page) * 4096), GUTTER - 11, middle + 13, GUTTER - 16);
        free = middle + 19;
      }
    }
  }

  private drawOver(): void {
    if (this.wide === 0) return;
    const context = canvasSize(this.over, this.wide, HEIGHT);
    const colours = theme();
    context.clearRect(0, 0, this.wide, HEIGHT);
    const { moment, brush } = this.state;
    const x = Math.min(Math.max(this.x(moment), GUTTER), GUTTER + this.plotWidth);
    const right = GUTTER + this.plotWidth;
    // What has not happened yet is veiled.
    context.fillStyle = withAlpha(colours.dark ? "#14171c" : "#ffffff", 0.82);
    if (moment < this.state.view[1]) context.fillRect(x, TOP, right - x, this.plotHeight);
    if (brush) {
      const a = Math.max(this.x(brush[0]), GUTTER);
      const b = Math.min(this.x(brush[1]), right);
      context.fillStyle = withAlpha(colours.accent.startsWith("#") ? colours.accent : "#0072b2", 0.14);
      if (b > a) context.fillRect(a, TOP, b - a, this.plotHeight);
    }
    context.strokeStyle = colours.text;
    context.lineWidth = 1.5;
    context.beginPath();
    context.moveTo(x, TOP - 4);
    context.lineTo(x, HEIGHT - BOTTOM + 4);
    context.stroke();
    if (this.area >= 0) {
      const band = this.axis.bands[this.area];
      if (band) {
        context.strokeStyle = colours.accent;
        context.lineWidth = 2;
        context.strokeRect(GUTTER, this.y(band.from), this.plotWidth, Math.max(this.y(band.to) - this.y(band.from), 2));
      }
    }
    if (this.drag && this.pointer) {
      context.strokeStyle = colours.accent;
      context.setLineDash([4, 3]);
      context.strokeRect(this.drag.x, this.drag.y, this.pointer.x - this.drag.x, this.pointer.y - this.drag.y);
      context.setLineDash([]);
    }
    this.tellReading();
  }

  // --- words ---------------------------------------------------------------------------------------

  private tellReading(): void {
    const { moment } = this.state;
    const { stages } = this.recording.picture;
    const { reserved, committed, touched, spent } = this.courses;
    const faultsKnown = this.recording.report.faults.count !== null;
    const spentOn = (name: string) => {
      const i = stages.findIndex((stage) => stage.name === name);
      return i < 0 || stages[i]!.ns === null ? null : spent[i]!.at(moment);
    };
    const entry = (name: string, value: HTMLElement, cost: number | null) =>
      h("div", {}, h("dt", {}, name), h("dd", {}, value, " ", h("small", {}, "cost so far ", figure(cost, duration))));
    this.reading.replaceChildren(
      h("div", {}, h("dt", {}, "Moment"), h("dd", {}, figure(Math.round(moment), duration))),
      entry("Reserved", figure(reserved.at(moment), bytes), spentOn("reserve")),
      entry("Committed", figure(committed.at(moment), bytes), spentOn("commit")),
      entry("Touched", figure(faultsKnown ? touched.at(moment) : null, bytes), spentOn("touch")),
    );
    const share = (moment - this.state.whole[0]) / (this.state.whole[1] - this.state.whole[0]);
    this.slider.value = String(Math.round(share * 1000));
    this.slider.setAttribute("aria-valuetext", duration(moment));
  }

  // What lies at an address at a time, as lines for the tooltip.
  private describe(page: number, inside: number, ts: number, reach: number): (string | HTMLElement)[][] {
    const { regions, owners, files, cells, calls, threads, fault_kinds } = this.recording.picture;
    const lines: (string | HTMLElement)[][] = [];
    let region = -1;
    for (let i = 0; i < regions.rows; i++) {
      if (regions.page[i]! <= page && page < regions.page[i]! + regions.pages[i]! &&
          regions.from[i]! <= ts && ts < regions.to[i]!) {
        region = i;
      }
    }
    lines.push([h("b", {}, address(page, inside)), ` at ${duration(ts)}`]);
    if (region < 0) {
      lines.push(["nothing mapped here at that time"]);
      return lines;
    }
    const owner = owners[regions.owner[region]!]!;
    lines.push([h("b", {}, owner.subsystem), owner.detail ? " / " : "", owner.detail ? quoted(owner.detail, 60) : "",
      ` (by ${owner.evidence})`]);
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
    let best = -1;
    let distance = Infinity;
    for (let i = 0; i < cells.rows; i++) {
      if (!cells.subject[i] || cells.ts[i]! > ts || cells.until[i]! <= ts) continue;
      const start = cells.page[i]!;
      const end = start + 2 ** cells.order[i]!;
      const away = page < start ? start - page : page >= end ? page - end + 1 : 0;
      if (away <= reach && away <= distance) {
        distance = away;
        best = i;
      }
    }
    if (best < 0) {
      lines.push([this.recording.report.faults.count === null
        ? "whether it was touched is not known"
        : "not touched: no memory behind it, no cost"]);
      return lines;
    }
    const faults = cells.faults[best]!;
    const thread = threads[cells.thread[best]!];
    const near = distance > 0 ? "near here, at " + address(cells.page[best]!) + ": " : "";
    const what = faults > 1
      ? `${count(faults)} faults, ${duration(cells.ns[best]! / faults)} each, longest ${duration(cells.max[best]!)}`
      : faults === 1 ? `fault, ${duration(cells.ns[best]!)}` : "no fault of its own";
    lines.push([`touched ${near}`, `${duration(cells.ts[best]!)}: ${fault_kinds[cells.kind[best]!]}, ${what}`]);
    if (thread) lines.push(["by thread ", quoted(thread.name || String(thread.tid), 60)]);
    if (cells.order[best]! >= 9 && faults <= 1) lines.push([`one page of ${bytes(4096 * 2 ** cells.order[best]!)}`]);
    return lines;
  }

  private showTip(x: number, y: number): void {
    const at = this.axis.addressAt(this.weight(y));
    const inPlot = x >= GUTTER && x <= GUTTER + this.plotWidth && y >= TOP && y <= HEIGHT - BOTTOM;
    if (!inPlot || !at) {
      this.tip.hidden = true;
      return;
    }
    const below = this.axis.addressAt(this.weight(y + 2));
    const reach = below ? Math.abs(below.page - at.page) + 1 : 1;
    const ts = Math.min(this.time(x), this.state.moment);
    this.tip.replaceChildren(...this.describe(at.page, at.inside, ts, reach).map((line) => h("div", {}, ...line)));
    this.tip.hidden = false;
    const left = x + 16 + this.tip.offsetWidth > this.wide ? x - 16 - this.tip.offsetWidth : x + 16;
    const top = Math.min(y + 12, HEIGHT - this.tip.offsetHeight - 4);
    this.tip.style.left = `${Math.max(left, 0)}px`;
    this.tip.style.top = `${Math.max(top, 0)}px`;
  }

  // --- what one can do -----------------------------------------------------------------------------

  private zoomPlace(factor: number, around = (this.view[0] + this.view[1]) / 2): void {
    const width = Math.min(Math.max((this.view[1] - this.view[0]) * factor, this.axis.total * 1e-7), this.axis.total);
    const share = (around - this.view[0]) / (this.view[1] - this.view[0]);
    const from = Math.min(Math.max(around - share * width, 0), this.axis.total - width);
    this.view = [from, from + width];
    this.draw();
  }

  private panPlace(share: number): void {
    const shift = (this.view[1] - this.view[0]) * share;
    const allowed = Math.min(Math.max(shift, -this.view[0]), this.axis.total - this.view[1]);
    this.view = [this.view[0] + allowed, this.view[1] + allowed];
    this.draw();
  }

  private showAll(): void {
    this.view = [0, this.axis.total];
    this.area = -1;
    this.tip.hidden = true;
    this.state.setView([...this.state.whole]);
  }

  private stepArea(by: number): void {
    const { bands } = this.axis;
    if (bands.length === 0) return;
    this.area = (this.area + by + bands.length) % bands.length;
    const band = bands[this.area]!;
    const margin = Math.max((band.to - band.from) * 0.6, this.axis.total * 0.02);
    const width = band.to - band.from + 2 * margin;
    const from = Math.min(Math.max(band.from - margin, 0), Math.max(this.axis.total - width, 0));
    this.view = [from, Math.min(from + width, this.axis.total)];
    this.draw();
    this.showTip(GUTTER + this.plotWidth * 0.6, this.y((band.from + band.to) / 2));
  }

  private play(): void {
    if (this.playing) {
      cancelAnimationFrame(this.playing);
      this.playing = 0;
      this.playButton.textContent = "▶ Play";
      return;
    }
    const [from, to] = this.state.view;
    const start = this.state.moment >= to || this.state.moment < from ? from : this.state.moment;
    const began = performance.now();
    this.playButton.textContent = "❚❚ Pause";
    const frame = (now: number) => {
      const moment = start + ((now - began) / 8000) * (to - from);
      this.state.setMoment(Math.min(moment, to));
      if (moment < to) {
        this.playing = requestAnimationFrame(frame);
      } else {
        this.playing = 0;
        this.playButton.textContent = "▶ Play";
      }
    };
    this.playing = requestAnimationFrame(frame);
  }

  private onKey(event: KeyboardEvent): void {
    const keys: Record<string, () => void> = {
      ArrowLeft: () => this.state.panTime(-0.15),
      ArrowRight: () => this.state.panTime(0.15),
      ArrowUp: () => this.panPlace(-0.15),
      ArrowDown: () => this.panPlace(0.15),
      "+": () => this.state.zoomTime(0.6),
      "=": () => this.state.zoomTime(0.6),
      "-": () => this.state.zoomTime(1 / 0.6),
      "]": () => this.zoomPlace(0.6),
      "[": () => this.zoomPlace(1 / 0.6),
      ",": () => this.state.setMoment(this.state.moment - (this.state.view[1] - this.state.view[0]) / 50),
      ".": () => this.state.setMoment(this.state.moment + (this.state.view[1] - this.state.view[0]) / 50),
      PageDown: () => this.stepArea(1),
      PageUp: () => this.stepArea(-1),
      " ": () => this.play(),
      "0": () => this.showAll(),
      Home: () => this.showAll(),
      Escape: () => {
        this.tip.hidden = true;
        this.area = -1;
        this.drawOver();
      },
    };
    const act = keys[event.key];
    if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    act();
  }

  private listen(): void {
    const at = (event: MouseEvent) => {
      const box = this.over.getBoundingClientRect();
      return { x: event.clientX - box.left, y: event.clientY - box.top };
    };
    this.over.addEventListener("pointermove", (event) => {
      this.pointer = at(event);
      if (this.drag) this.drawOver();
      else this.showTip(this.pointer.x, this.pointer.y);
    });
    this.over.addEventListener("pointerleave", () => {
      if (!this.drag) this.tip.hidden = true;
    });
    this.over.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      this.drag = at(event);
      this.tip.hidden = true;
      this.over.setPointerCapture(event.pointerId);
    });
    this.over.addEventListener("pointerup", (event) => {
      const from = this.drag;
      this.drag = null;
      if (!from) return;
      const to = at(event);
      const wide = Math.abs(to.x - from.x) > 5;
      const tall = Math.abs(to.y - from.y) > 5;
      if (!wide && !tall) {
        this.state.setMoment(this.time(to.x));
        return;
      }
      if (tall) {
        const a = this.weight(Math.min(from.y, to.y));
        const b = this.weight(Math.max(from.y, to.y));
        this.view = [Math.max(a, 0), Math.min(Math.max(b, a + this.axis.total * 1e-7), this.axis.total)];
      }
      const times = [this.time(Math.min(from.x, to.x)), this.time(Math.max(from.x, to.x))] as [number, number];
      if (wide) this.state.setView(times);
      else this.draw();
    });
    this.over.addEventListener("dblclick", () => this.showAll());
    this.over.addEventListener(
      "wheel",
      (event) => {
        // The page scrolls as usual unless the map was chosen by a click or a key is held.
        if (!event.ctrlKey && !event.shiftKey && document.activeElement !== this.over) return;
        event.preventDefault();
        const { x, y } = at(event);
        const factor = Math.exp((event.deltaY || event.deltaX) * 0.0015);
        if (event.shiftKey) this.zoomPlace(factor, this.weight(y));
        else this.state.zoomTime(factor, this.time(x));
      },
      { passive: false },
    );
    this.over.addEventListener("keydown", (event) => this.onKey(event));
    this.slider.addEventListener("input", () => {
      const [from, to] = this.state.whole;
      this.state.setMoment(from + (Number(this.slider.value) / 1000) * (to - from));
    });
    this.playButton.addEventListener("click", () => this.play());
  }

  private controls(): HTMLElement {
    const button = (text: string, label: string, act: () => void) =>
      h("button", { type: "button", title: label, "aria-label": label, onclick: act }, text);
    const choice = (name: string, options: [string, string][], act: (value: string) => void, mark = "") =>
      h("label", {}, name + " ",
        h("select", { class: mark, onchange: (e) => act((e.target as HTMLSelectElement).value) },
          ...options.map(([value, text]) => h("option", { value }, text))));
    const names = [...new Set(this.axis.bands.map((band) => band.subsystem))];
    return h(
      "div",
      { class: "toolbar", role: "toolbar", "aria-label": `Map ${this.label}` },
      choice("Heights", [["balanced", "balanced"], ["size", "true to size"]], (v) => {
        this.scale = v as Scale;
        this.rebuild();
      }, "scale"),
      choice("Fill by", [["subsystem", "subsystem"], ["latency", "fault latency"]], (v) => {
        this.paint = v as Paint;
        this.cells.rgb = this.painted();
        this.element.classList.toggle("by-latency", v === "latency");
        this.draw();
      }, "paint"),
      choice("Show", [["", "everything"], ...names.map((n) => [n, n] as [string, string])],
        (v) => this.showOnly(v || null), "only"),
      h("span", { class: "spacer" }),
      h("span", { class: "group" }, "Time ",
        button("−", "Zoom out of time", () => this.state.zoomTime(1 / 0.6)),
        button("+", "Zoom into time", () => this.state.zoomTime(0.6))),
      h("span", { class: "group" }, "Addresses ",
        button("−", "Zoom out of addresses", () => this.zoomPlace(1 / 0.6)),
        button("+", "Zoom into addresses", () => this.zoomPlace(0.6))),
      button("Whole", "Show everything", () => this.showAll()),
    );
  }

  private scrubber(): HTMLElement {
    return h("div", { class: "scrubber" }, this.playButton, this.slider);
  }

  private legend(): HTMLElement {
    const { picture } = this.recording;
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
      h("span", { class: "note" },
        exact + left + " Drag to zoom into a rectangle, click for the moment, double-click for everything; " +
        "with the map clicked, the wheel zooms time, with Shift addresses. Keys: ← → ↑ ↓ + − [ ] , . Space 0, page up and down."),
    );
  }
}

function rights(bits: number): string {
  return (bits & 1 ? "r" : "-") + (bits & 2 ? "w" : "-") + (bits & 4 ? "x" : "-");
}

// The place of a value in a rising column, or -1.
export function search(column: Float64Array, value: number): number {
  let low = 0;
  let high = column.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (column[middle]! < value) low = middle + 1;
    else high = middle;
  }
  return column[low] === value ? low : -1;
}
