// Small helpers to make elements. Strings become text, never markup.
import { printable } from "./format";

type Child = Node | string | null | undefined | false;
type Attributes = Record<string, string | number | boolean | ((event: Event) => void) | undefined>;

export function h<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...children: (Child | Child[])[]
): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue;
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children.flat()) {
    if (child !== null && child !== undefined && child !== false) element.append(child);
  }
  return element;
}

// What a recording's target said, as text that cannot pass for anything else.
export function quoted(text: string, most?: number): HTMLElement {
  return h("bdi", { class: "quoted", dir: "ltr" }, printable(text, most));
}

export function section(id: string, title: string, lead: string, ...children: (Child | Child[])[]): HTMLElement {
  return h(
    "section",
    { id, "aria-labelledby": `${id}-title` },
    h("h2", { id: `${id}-title` }, title),
    lead ? h("p", { class: "lead" }, lead) : null,
    ...children,
  );
}

export function absent(what: string, why: string): HTMLElement {
  return h("p", { class: "absent" }, h("strong", {}, `${what}: not there.`), " ", quoted(why), ".");
}

// A figure and the number behind it: tests and scripts read data-value.
export function figure(value: number | null, text: (v: number) => string, missing = "not known"): HTMLElement {
  if (value === null) return h("span", { class: "unknown", "data-value": "null" }, missing);
  return h("span", { class: "figure", "data-value": value }, text(value));
}

// The canvas, empty, in pixels of the page.
export function emptyCanvas(canvas: HTMLCanvasElement, width: number, height: number): CanvasRenderingContext2D {
  const ratio = Math.min(window.devicePixelRatio || 1, 2);
  const w = Math.max(1, Math.round(width * ratio));
  const hgt = Math.max(1, Math.round(height * ratio));
  if (canvas.width !== w || canvas.height !== hgt) {
    canvas.width = w;
    canvas.height = hgt;
    canvas.style.height = `${height}px`;
  }
  const context = canvas.getContext("2d")!;
  context.setTransform(w / width, 0, 0, hgt / height, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}

export interface Point {
  x: number;
  y: number;
}

export function pointIn(element: Element, event: MouseEvent): Point {
  const box = element.getBoundingClientRect();
  return { x: event.clientX - box.left, y: event.clientY - box.top };
}

// Beside a point of the element that the tip lies in; `height`: of what it must not hang out of.
export function showTip(tip: HTMLElement, { x, y }: Point, lines: (string | Node)[][], height = Infinity): void {
  tip.replaceChildren(...lines.map((line) => h("div", {}, ...line)));
  tip.hidden = false;
  const wide = tip.parentElement?.clientWidth ?? 0;
  const left = x + 16 + tip.offsetWidth > wide ? x - 16 - tip.offsetWidth : x + 16;
  const top = Math.min(y + 14, height - tip.offsetHeight - 4);
  tip.style.left = `${Math.max(left, 0)}px`;
  tip.style.top = `${Math.max(top, 0)}px`;
}
