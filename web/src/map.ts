// The main picture: one process's address space over time. Across: time. Down: all addresses that
// were ever mapped. A reservation is an outline, what is committed a tint, what was touched is filled
// in from the moment it was touched until it was given back.
import type { Scale } from "./axis";
import { heatColour, rgb, subsystemColour } from "./colours";
import { whyMissing, type Recording } from "./data";
import { absent, emptyCanvas, h, showTip, type Point } from "./dom";
import { duration } from "./format";
import { drawMap, drawOver, type Marks, type Scene } from "./map_draw";
import { listen } from "./map_input";
import { HEIGHT, MapPlot } from "./map_plot";
import { describe, legend, placeless, readingAt } from "./map_words";
import { Player } from "./player";
import type { RasterCells } from "./raster";
import type { State } from "./state";
import { GUTTER } from "./timescale";

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
  private readonly player: Player;
  private readonly plot: MapPlot;
  private readonly scene: Scene;
  private readonly marks: Marks = { drag: null, band: -1 };
  private scale: Scale = "balanced";
  private paint: Paint = "subsystem";
  private only: string | null = null;
  private isTold = false;

  // `other`: what can be laid over it.
  constructor(private readonly recording: Recording, private readonly state: State, private readonly label: string, private readonly other: Recording | null) {
    this.player = new Player(state);
    this.plot = new MapPlot(state, recording.picture);
    this.scene = { recording, state, plot: this.plot, cells: this.placed(recording), laidOver: null, isSecond: label === "B" };
    if (recording.picture.regions.rows === 0) {
      this.element = h("div", { class: "map" }, absent("Address space over time", whyMissing(recording, "map", "target")));
      return;
    }
    this.element = h("div", { class: "map" },
      this.controls(),
      h("div", { class: "map-canvas" }, this.base, this.over, this.tip),
      h("div", { class: "scrubber" }, this.player.button, this.slider),
      this.reading,
      legend(recording, other !== null));
    this.listen();
    state.on(["view", "theme", "size"], () => this.draw());
    state.on(["moment", "brush"], () => this.drawOver());
    state.onceLaidOut(() => this.draw());
  }

  showOnly(subsystem: string | null): void {
    this.only = subsystem;
    const select = this.element.querySelector<HTMLSelectElement>("select.only");
    if (select) select.value = subsystem ?? "";
    this.rebuild();
  }

  // --- what is drawn -------------------------------------------------------------------------------

  private placed(recording: Recording): RasterCells {
    const { cells } = recording.picture;
    const places = this.plot.axis.placesOf(cells);
    const huge = new Uint8Array(cells.rows);
    for (let i = 0; i < cells.rows; i++) {
      const order = cells.order[i]!;
      if (order >= 9 && cells.pages[i] === 2 ** order * Math.max(cells.faults[i]!, 1)) huge[i] = 1;
    }
    return { rows: cells.rows, ts: cells.ts, until: cells.until, from: places.from, to: places.to, rgb: this.painted(recording), huge };
  }

  private painted(recording: Recording): Uint8Array {
    const { cells, owners } = recording.picture;
    const out = new Uint8Array(3 * cells.rows);
    const colours = owners.map((owner) => rgb(subsystemColour(owner.subsystem)));
    for (let i = 0; i < cells.rows; i++) {
      const each = cells.ns[i]! / Math.max(cells.faults[i]!, 1);
      const [r, g, b] =
        this.paint === "subsystem"
          ? colours[cells.owner[i]!]!
          : heatColour((Math.log10(Math.max(each, 100)) - 2) / 4);
      out[3 * i] = r;
      out[3 * i + 1] = g;
      out[3 * i + 2] = b;
    }
    return out;
  }

  private rebuild(): void {
    this.plot.remake(this.scale, this.only);
    this.scene.cells = this.placed(this.recording);
    if (this.scene.laidOver) this.layOver(true);
    this.marks.band = -1;
    this.draw();
  }

  private layOver(isWanted: boolean): void {
    const { other, scene } = this;
    scene.laidOver = isWanted && other ? this.placed(other) : null;
    this.element.classList.toggle("laid-over", scene.laidOver !== null);
    this.element.querySelector(".placeless")?.replaceChildren(scene.laidOver && other ? placeless(other, scene.laidOver) : "");
  }

  private draw(): void {
    const width = this.base.parentElement?.clientWidth ?? 0;
    if (width === 0) return;
    this.plot.wide = width;
    const context = emptyCanvas(this.base, width, HEIGHT);
    drawMap(context, this.scene);
    if (this.state.onPaper) drawOver(context, this.scene, this.marks);
    else this.drawOver();
  }

  private drawOver(): void {
    if (this.plot.wide === 0) return;
    drawOver(emptyCanvas(this.over, this.plot.wide, HEIGHT), this.scene, this.marks);
    if (this.isTold) this.tellReading();
  }

  // The words below the map; they cost some sums, so that the first frame goes without them.
  tellReading(): void {
    this.isTold = true;
    const { moment, whole } = this.state;
    this.reading.replaceChildren(...readingAt(this.recording, moment));
    this.slider.value = String(Math.round(((moment - whole[0]) / (whole[1] - whole[0])) * 1000));
    this.slider.setAttribute("aria-valuetext", duration(moment));
  }

  private tellPoint({ x, y }: Point): void {
    const { plot } = this;
    const at = plot.axis.addressAt(plot.weight(y));
    if (!plot.holds(x, y) || !at) {
      this.tip.hidden = true;
      return;
    }
    const below = plot.axis.addressAt(plot.weight(y + 2));
    const reach = below ? Math.abs(below.page - at.page) + 1 : 1;
    const ts = Math.min(plot.time(x), this.state.moment);
    showTip(this.tip, { x, y }, describe(this.recording, at.page, at.inside, ts, reach), HEIGHT);
  }

  // --- what one can do -----------------------------------------------------------------------------

  private changePlace(change: (plot: MapPlot) => void): void {
    change(this.plot);
    this.draw();
  }

  private showAll(): void {
    this.plot.showAll();
    this.marks.band = -1;
    this.tip.hidden = true;
    this.state.setView([...this.state.whole]);
  }

  private stepBand(by: number): void {
    const { bands } = this.plot.axis;
    if (bands.length === 0) return;
    this.marks.band = this.marks.band < 0 && by < 0 ? bands.length - 1 : (this.marks.band + by + bands.length) % bands.length;
    this.changePlace((plot) => plot.showBand(this.marks.band));
    const band = bands[this.marks.band]!;
    this.tellPoint({ x: GUTTER + this.plot.plotWidth * 0.6, y: this.plot.y((band.from + band.to) / 2) });
  }

  private stepMoment(share: number): void {
    const [from, to] = this.state.view;
    this.state.setMoment(this.state.moment + (to - from) * share);
  }

  private dragged(from: Point, to: Point): void {
    this.marks.drag = null;
    const { plot, state } = this;
    const [left, right] = [Math.min(from.x, to.x), Math.max(from.x, to.x)];
    const [top, bottom] = [Math.min(from.y, to.y), Math.max(from.y, to.y)];
    const times: [number, number] = [plot.time(left), plot.time(right)];
    if (bottom - top > 5) plot.show(plot.weight(top), plot.weight(bottom));
    if (right - left > 5) state.setView(times);
    else this.draw();
  }

  private keys(): Record<string, () => void> {
    const { state } = this;
    const closer = () => state.zoomTime(0.6);
    return {
      ArrowLeft: () => state.panTime(-0.15),
      ArrowRight: () => state.panTime(0.15),
      ArrowUp: () => this.changePlace((plot) => plot.pan(-0.15)),
      ArrowDown: () => this.changePlace((plot) => plot.pan(0.15)),
      "+": closer,
      "=": closer,
      "-": () => state.zoomTime(1 / 0.6),
      "]": () => this.changePlace((plot) => plot.zoom(0.6)),
      "[": () => this.changePlace((plot) => plot.zoom(1 / 0.6)),
      ",": () => this.stepMoment(-0.02),
      ".": () => this.stepMoment(0.02),
      PageDown: () => this.stepBand(1),
      PageUp: () => this.stepBand(-1),
      " ": () => this.player.toggle(),
      "0": () => this.showAll(),
      Home: () => this.showAll(),
      Escape: () => {
        this.tip.hidden = true;
        this.marks.band = -1;
        this.drawOver();
      },
    };
  }

  private listen(): void {
    listen(this.over, {
      hover: (at) => this.tellPoint(at),
      leave: () => (this.tip.hidden = true),
      dragging: (from, to) => {
        this.marks.drag = { from, to };
        this.drawOver();
      },
      dragged: (from, to) => this.dragged(from, to),
      click: (at) => {
        this.marks.drag = null;
        this.state.setMoment(this.plot.time(at.x));
      },
      wheel: (at, factor, addresses) => {
        if (addresses) this.changePlace((plot) => plot.zoom(factor, plot.weight(at.y)));
        else this.state.zoomTime(factor, this.plot.time(at.x));
      },
      keys: this.keys(),
    });
    this.slider.addEventListener("input", () => {
      const [from, to] = this.state.whole;
      this.state.setMoment(from + (Number(this.slider.value) / 1000) * (to - from));
    });
  }

  private controls(): HTMLElement {
    const button = (text: string, label: string, act: () => void) =>
      h("button", { type: "button", title: label, "aria-label": label, onclick: act }, text);
    const choice = (name: string, options: [string, string][], act: (value: string) => void, mark: string) =>
      h("label", {}, name + " ",
        h("select", { class: mark, onchange: (e) => act((e.target as HTMLSelectElement).value) },
          ...options.map(([value, text]) => h("option", { value }, text))));
    const names = [...new Set(this.plot.axis.bands.map((band) => band.subsystem))];
    return h(
      "div",
      { class: "toolbar", role: "toolbar", "aria-label": `Map ${this.label}` },
      choice("Heights", [["balanced", "balanced"], ["size", "true to size"]], (v) => {
        this.scale = v as Scale;
        this.rebuild();
      }, "scale"),
      choice("Fill by", [["subsystem", "subsystem"], ["latency", "fault latency"]], (v) => {
        this.paint = v as Paint;
        this.scene.cells.rgb = this.painted(this.recording);
        this.element.classList.toggle("by-latency", v === "latency");
        this.draw();
      }, "paint"),
      this.other === null ? null : choice("Lay over it", [["", "nothing"], ["other", this.label === "A" ? "B" : "A"]], (v) => {
        this.layOver(v !== "");
        this.draw();
      }, "lay-over"),
      choice("Show", [["", "everything"], ...names.map((n) => [n, n] as [string, string])], (v) => this.showOnly(v || null), "only"),
      h("span", { class: "spacer" }),
      h("span", { class: "group" }, "Time ",
        button("−", "Zoom out of time", () => this.state.zoomTime(1 / 0.6)),
        button("+", "Zoom into time", () => this.state.zoomTime(0.6))),
      h("span", { class: "group" }, "Addresses ",
        button("−", "Zoom out of addresses", () => this.changePlace((plot) => plot.zoom(1 / 0.6))),
        button("+", "Zoom into addresses", () => this.changePlace((plot) => plot.zoom(0.6)))),
      button("Whole", "Show everything", () => this.showAll()),
    );
  }
}
