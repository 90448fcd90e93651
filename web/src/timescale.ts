// The axis of time that map, timeline and heat map share: the same stretch of time at the same pixels.
import { theme } from "./colours";
import { State, tickText, ticks } from "./state";

export const GUTTER = 168; // left of every plot, for names
const MARGIN = 8;

export class TimeScale {
  wide = 0; // of the canvas, in pixels of the page; 0 before it is laid out

  constructor(protected readonly state: State) {}

  get plotWidth(): number {
    return Math.max(this.wide - GUTTER - MARGIN, 10);
  }

  get right(): number {
    return GUTTER + this.plotWidth;
  }

  x(ts: number): number {
    const [from, to] = this.state.view;
    return GUTTER + ((ts - from) / (to - from)) * this.plotWidth;
  }

  time(x: number): number {
    const [from, to] = this.state.view;
    return from + ((x - GUTTER) / this.plotWidth) * (to - from);
  }

  // Lines from top to bottom at round times, which stand at the height `words`.
  drawGrid(context: CanvasRenderingContext2D, top: number, bottom: number, words: number): void {
    const colours = theme();
    const [from, to] = this.state.view;
    const marks = ticks(from, to, this.plotWidth / 110);
    const step = marks.length > 1 ? marks[1]! - marks[0]! : to - from;
    context.font = "11px system-ui, sans-serif";
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.strokeStyle = colours.line;
    context.fillStyle = colours.dim;
    context.lineWidth = 1;
    for (const mark of marks) {
      const x = Math.round(this.x(mark)) + 0.5;
      context.beginPath();
      context.moveTo(x, top);
      context.lineTo(x, bottom);
      context.stroke();
      const text = tickText(mark, step);
      const half = context.measureText(text).width / 2;
      context.fillText(text, Math.min(x, this.wide - half), words);
    }
  }
}
