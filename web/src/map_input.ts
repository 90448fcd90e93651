// What one can do to a map, by pointer and by keys.
import { pointIn, type Point } from "./dom";

export interface MapActions {
  hover(at: Point): void;
  leave(): void;
  dragging(from: Point, to: Point): void;
  dragged(from: Point, to: Point): void;
  click(at: Point): void;
  wheel(at: Point, factor: number, addresses: boolean): void;
  keys: Record<string, () => void>;
}

const LEAST_DRAG = 5;

export function listen(canvas: HTMLCanvasElement, actions: MapActions): void {
  let from: Point | null = null;
  canvas.addEventListener("pointermove", (event) => {
    const at = pointIn(canvas, event);
    if (from) actions.dragging(from, at);
    else actions.hover(at);
  });
  canvas.addEventListener("pointerleave", () => {
    if (!from) actions.leave();
  });
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    from = pointIn(canvas, event);
    actions.leave();
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointerup", (event) => {
    const begun = from;
    from = null;
    if (!begun) return;
    const at = pointIn(canvas, event);
    const moved = Math.max(Math.abs(at.x - begun.x), Math.abs(at.y - begun.y)) > LEAST_DRAG;
    if (moved) actions.dragged(begun, at);
    else actions.click(at);
  });
  canvas.addEventListener("dblclick", () => actions.keys["0"]?.());
  canvas.addEventListener(
    "wheel",
    (event) => {
      // The page scrolls as usual unless the map was chosen by a click or a key is held.
      if (!event.ctrlKey && !event.shiftKey && document.activeElement !== canvas) return;
      event.preventDefault();
      actions.wheel(pointIn(canvas, event), Math.exp((event.deltaY || event.deltaX) * 0.0015), event.shiftKey);
    },
    { passive: false },
  );
  canvas.addEventListener("keydown", (event) => {
    const act = actions.keys[event.key];
    if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    act();
  });
}
