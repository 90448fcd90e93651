// Moves the moment through what is in view, in some seconds.
import { h } from "./dom";
import type { State } from "./state";

const SECONDS = 8;

export class Player {
  readonly button = h("button", { type: "button", class: "play", onclick: () => this.toggle() }, "▶ Play");
  private frame = 0; // 0: it stands still

  constructor(private readonly state: State) {}

  toggle(): void {
    if (this.frame) return this.stop();
    const [from, to] = this.state.view;
    const start = this.state.moment >= to || this.state.moment < from ? from : this.state.moment;
    const began = performance.now();
    this.button.textContent = "❚❚ Pause";
    const step = (now: number) => {
      const moment = start + ((now - began) / (SECONDS * 1000)) * (to - from);
      this.state.setMoment(Math.min(moment, to));
      if (moment < to) this.frame = requestAnimationFrame(step);
      else this.stop();
    };
    this.frame = requestAnimationFrame(step);
  }

  private stop(): void {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    this.button.textContent = "▶ Play";
  }
}
