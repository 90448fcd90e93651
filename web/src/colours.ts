// Colours by subsystem: one hue of Okabe and Ito's palette a family, told apart by readers with any
// colour vision; members of a family differ in lightness.

type Rgb = [number, number, number];

const SUBSYSTEMS: Record<string, string> = {
  "Java heap": "#d55e00",
  "GC card table": "#0072b2",
  "GC block offset table": "#3a93c8",
  "GC card counts": "#7fbfe3",
  "GC mark bitmap": "#56b4e9",
  "GC other": "#2b5f8a",
  "Code cache": "#009e73",
  "Class space": "#cc79a7",
  Metaspace: "#a6527f",
  "CDS archive": "#dea5c4",
  "Java thread stacks": "#e69f00",
  "JVM thread stacks": "#b57d00",
  "Thread stacks": "#e69f00",
  "Main stack": "#f3c45b",
  "C heap": "#c7b400",
  "JVM internal": "#8d7fb8",
  "Module image": "#7d6b58",
  Libraries: "#98887a",
  Kernel: "#6f7780",
  "Direct and mapped buffers": "#5b4a9e",
  "Other files": "#b3a596",
  Unknown: "#8a8f98",
};

export function subsystemColour(name: string): string {
  return SUBSYSTEMS[name] ?? "#8a8f98";
}

export const STAGE_COLOURS: Record<string, string> = {
  reserve: "#9aa3ad",
  commit: "#56b4e9",
  populate: "#cc79a7",
  "give back": "#009e73",
  other: "#c7b400",
  touch: "#d55e00",
};

export function rgb(colour: string): Rgb {
  const value = parseInt(colour.slice(1), 16);
  return [value >> 16, (value >> 8) & 255, value & 255];
}

export function withAlpha(colour: string, alpha: number): string {
  const [r, g, b] = rgb(colour);
  return `rgba(${r},${g},${b},${alpha})`;
}

// Cividis, made for readers who cannot tell red from green; 0 to 1.
const CIVIDIS: Rgb[] = [
  [0, 34, 78], [25, 59, 112], [59, 82, 110], [87, 105, 112], [113, 128, 117],
  [141, 150, 120], [171, 173, 115], [204, 197, 98], [239, 222, 75], [254, 232, 56],
];

export function heatColour(value: number): Rgb {
  const at = Math.min(Math.max(value, 0), 1) * (CIVIDIS.length - 1);
  const low = Math.min(Math.floor(at), CIVIDIS.length - 2);
  const part = at - low;
  const a = CIVIDIS[low]!;
  const b = CIVIDIS[low + 1]!;
  return [0, 1, 2].map((i) => Math.round(a[i]! + (b[i]! - a[i]!) * part)) as Rgb;
}

export interface Theme {
  text: string;
  dim: string;
  line: string;
  surface: string;
  accent: string;
  dark: boolean;
  faults: string[]; // the longer one took, the further from the background
}

// The colours of the style sheet, for canvases.
export function theme(): Theme {
  const style = getComputedStyle(document.documentElement);
  const get = (name: string) => style.getPropertyValue(name).trim();
  return {
    text: get("--text"),
    dim: get("--dim"),
    line: get("--line"),
    surface: get("--surface"),
    accent: get("--accent"),
    dark: get("--is-dark") === "1",
    faults: [0, 1, 2].map((i) => get(`--fault-${i}`)),
  };
}
