// Where things are in the map: time across, addresses down, as far as one has zoomed in.
import { AddressAxis, type Scale } from "./axis";
import type { Picture } from "./data";
import type { State } from "./state";
import { GUTTER, TimeScale } from "./timescale";

export const HEIGHT = 560;
export const TOP = 20;
const FOOT = 22;
export const BOTTOM = HEIGHT - FOOT;

export class MapPlot extends TimeScale {
  axis: AddressAxis;
  view: [number, number]; // weights of the axis

  constructor(state: State, private readonly picture: Picture) {
    super(state);
    this.axis = new AddressAxis(picture, "balanced", null);
    this.view = [0, this.axis.total];
  }

  // `only`: the one subsystem to show.
  remake(scale: Scale, only: string | null): void {
    this.axis = new AddressAxis(this.picture, scale, only);
    this.showAll();
  }

  get plotHeight(): number {
    return BOTTOM - TOP;
  }

  y(weight: number): number {
    return TOP + ((weight - this.view[0]) / (this.view[1] - this.view[0])) * this.plotHeight;
  }

  weight(y: number): number {
    return this.view[0] + ((y - TOP) / this.plotHeight) * (this.view[1] - this.view[0]);
  }

  holds(x: number, y: number): boolean {
    return x >= GUTTER && x <= this.right && y >= TOP && y <= BOTTOM;
  }

  showAll(): void {
    this.view = [0, this.axis.total];
  }

  // From one weight to another, but not closer than one can draw.
  show(from: number, to: number): void {
    this.view = [Math.max(from, 0), Math.min(Math.max(to, from + this.axis.total * 1e-7), this.axis.total)];
  }

  zoom(factor: number, around = (this.view[0] + this.view[1]) / 2): void {
    const width = Math.min(Math.max((this.view[1] - this.view[0]) * factor, this.axis.total * 1e-7), this.axis.total);
    const share = (around - this.view[0]) / (this.view[1] - this.view[0]);
    const from = Math.min(Math.max(around - share * width, 0), this.axis.total - width);
    this.view = [from, from + width];
  }

  pan(share: number): void {
    const shift = (this.view[1] - this.view[0]) * share;
    const allowed = Math.min(Math.max(shift, -this.view[0]), this.axis.total - this.view[1]);
    this.view = [this.view[0] + allowed, this.view[1] + allowed];
  }

  // One band with a little around it.
  showBand(index: number): void {
    const band = this.axis.bands[index]!;
    const margin = Math.max((band.to - band.from) * 0.6, this.axis.total * 0.02);
    const width = band.to - band.from + 2 * margin;
    const from = Math.min(Math.max(band.from - margin, 0), Math.max(this.axis.total - width, 0));
    this.view = [from, Math.min(from + width, this.axis.total)];
  }
}
