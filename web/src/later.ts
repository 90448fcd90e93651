// What lies below the first screen is made after the first frame, a little at a time and in order, so
// that the page can be used at once. Whoever needs all of it, on paper say, makes it now.
const SLICE_MS = 50;

export class Later {
  private jobs: (() => void)[] = [];

  constructor(private readonly done: () => void) {}

  add(job: () => void): void {
    this.jobs.push(job);
  }

  // A page that is not in sight gets no frames: then without them.
  start(afterFrame: () => void): void {
    let begun = false;
    const begin = () => {
      if (begun) return;
      begun = true;
      afterFrame();
      this.go();
    };
    requestAnimationFrame(() => requestAnimationFrame(begin));
    setTimeout(begin, 1000);
  }

  finish(): void {
    while (this.step());
  }

  // False where nothing is left.
  private step(): boolean {
    const job = this.jobs.shift();
    if (!job) return false;
    job();
    if (this.jobs.length === 0) this.done();
    return this.jobs.length > 0;
  }

  private go(): void {
    const began = performance.now();
    while (this.step()) {
      if (performance.now() - began < SLICE_MS) continue;
      setTimeout(() => this.go(), 0);
      return;
    }
  }
}
