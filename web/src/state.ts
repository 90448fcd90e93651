// What the views share: the stretch of time they show, the stretch that is selected, and the moment
// that the map is drawn up to. Each change is told to all of them, once a frame.
export type Span = [number, number];
type Topic = "view" | "brush" | "moment" | "theme" | "size";

export class State {
  readonly whole: Span;
  view: Span;
  brush: Span | null = null;
  onPaper = false; // drawn anew for printing, while it lasts
  moment: number;
  private listeners: Record<Topic, (() => void)[]> = { view: [], brush: [], moment: [], theme: [], size: [] };
  private pending = new Set<Topic>();
  private fresh: (() => void)[] = []; // drawn for the first time once they are in the page
  private scheduled = false;

  constructor(startNs: number, endNs: number) {
    this.whole = [startNs, Math.max(endNs, startNs + 1)];
    this.view = [...this.whole];
    this.moment = this.whole[1];
  }

  on(topics: Topic[], listener: () => void): void {
    for (const topic of topics) this.listeners[topic].push(listener);
  }

  tell(topic: Topic): void {
    this.pending.add(topic);
    this.schedule();
  }

  // Canvases have no width before they are in the page.
  onceLaidOut(draw: () => void): void {
    this.fresh.push(draw);
    this.schedule();
  }

  // Draws now what the next frame would.
  settle(): void {
    const called = new Set(this.fresh);
    for (const topic of this.pending) for (const listener of this.listeners[topic]) called.add(listener);
    this.fresh = [];
    this.pending.clear();
    called.forEach((listener) => listener());
  }

  private schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    requestAnimationFrame(() => {
      this.scheduled = false;
      this.settle();
    });
  }

  setView(span: Span): void {
    const least = Math.max((this.whole[1] - this.whole[0]) * 1e-7, 100);
    const width = Math.min(Math.max(span[1] - span[0], least), this.whole[1] - this.whole[0]);
    const middle = (span[0] + span[1]) / 2;
    const from = Math.min(Math.max(middle - width / 2, this.whole[0]), this.whole[1] - width);
    this.view = [from, from + width];
    this.tell("view");
  }

  zoomTime(factor: number, around = (this.view[0] + this.view[1]) / 2): void {
    const [from, to] = this.view;
    this.setView([around - (around - from) * factor, around + (to - around) * factor]);
  }

  panTime(share: number): void {
    const shift = (this.view[1] - this.view[0]) * share;
    const [from, to] = this.view;
    const allowed = Math.min(Math.max(shift, this.whole[0] - from), this.whole[1] - to);
    this.setView([from + allowed, to + allowed]);
  }

  setBrush(span: Span | null): void {
    this.brush = span && span[1] > span[0] ? [Math.max(span[0], this.whole[0]), Math.min(span[1], this.whole[1])] : null;
    this.tell("brush");
  }

  setMoment(ts: number): void {
    this.moment = Math.min(Math.max(ts, this.whole[0]), this.whole[1]);
    this.tell("moment");
  }
}

// Round steps for an axis: 1, 2 or 5 times a power of ten.
export function ticks(from: number, to: number, about: number): number[] {
  const raw = (to - from) / Math.max(about, 1);
  if (!(raw > 0)) return [];
  const power = Math.pow(10, Math.floor(Math.log10(raw)));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= raw) ?? raw;
  const out: number[] = [];
  for (let i = Math.ceil(from / step); i * step <= to; i++) out.push(i * step);
  return out;
}

// A tick in the unit that suits the whole axis.
export function tickText(ns: number, step: number): string {
  const unit = step >= 1e9 ? ["s", 1e9] : step >= 1e6 ? ["ms", 1e6] : step >= 1e3 ? ["µs", 1e3] : ["ns", 1];
  const value = ns / (unit[1] as number);
  return `${Number(value.toFixed(3))} ${unit[0]}`;
}
