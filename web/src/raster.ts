// Draws very many touched cells as an image in one go: each cell adds its height to the rows that it
// covers, at the column where it was touched, and takes it off again where it was given back; a
// running sum along each row is then how much of each pixel is in memory. So a pixel that stands for
// 100 MiB of which 4 KiB were touched is faint, and nothing is hidden.

export interface RasterCells {
  rows: number;
  ts: Float64Array;
  until: Float64Array;
  from: Float64Array; // vertical place, -1: none
  to: Float64Array;
  rgb: Uint8Array; // three a cell
  huge: Uint8Array;
}

export interface RasterView {
  width: number;
  height: number;
  time: [number, number];
  place: [number, number];
}

// Less than this of a pixel counts as this much: it was touched, and must be seen.
const LEAST = 0.02;
const FAINTEST = 0.34;
const PARTS = 5; // of a sum: cover, red, green, blue, huge pages

export function rasterise(cells: RasterCells, view: RasterView): Uint8ClampedArray {
  const { width, height } = view;
  const stride = PARTS * (width + 1);
  const sums = new Float32Array(stride * height);
  const perTime = width / (view.time[1] - view.time[0]);
  const perPlace = height / (view.place[1] - view.place[0]);
  for (let i = 0; i < cells.rows; i++) {
    const from = cells.from[i]!;
    if (from < 0) continue;
    const y0 = (from - view.place[0]) * perPlace;
    const y1 = (cells.to[i]! - view.place[0]) * perPlace;
    if (y1 < 0 || y0 >= height) continue;
    const x0 = Math.max(Math.floor((cells.ts[i]! - view.time[0]) * perTime), 0);
    if (x0 >= width) continue;
    const until = cells.until[i]!;
    const x1 = until === Infinity ? width : Math.min(Math.ceil((until - view.time[0]) * perTime), width);
    if (x1 <= x0) continue;
    const first = Math.max(Math.floor(y0), 0);
    const last = Math.min(Math.floor(y1), height - 1);
    const r = cells.rgb[3 * i]!;
    const g = cells.rgb[3 * i + 1]!;
    const b = cells.rgb[3 * i + 2]!;
    for (let row = first; row <= last; row++) {
      const part = Math.min(y1, row + 1) - Math.max(y0, row);
      if (part <= 0 && row > first) break;
      const share = Math.max(part, LEAST);
      const a = row * stride + PARTS * x0;
      const z = row * stride + PARTS * x1;
      sums[a]! += share;
      sums[z]! -= share;
      sums[a + 1]! += share * r;
      sums[z + 1]! -= share * r;
      sums[a + 2]! += share * g;
      sums[z + 2]! -= share * g;
      sums[a + 3]! += share * b;
      sums[z + 3]! -= share * b;
      if (cells.huge[i]) {
        sums[a + 4]! += share;
        sums[z + 4]! -= share;
      }
    }
  }
  const pixels = new Uint8ClampedArray(4 * width * height);
  for (let row = 0; row < height; row++) {
    let c = 0;
    let r = 0;
    let g = 0;
    let b = 0;
    let h = 0;
    for (let x = 0; x < width; x++) {
      const at = row * stride + PARTS * x;
      c += sums[at]!;
      r += sums[at + 1]!;
      g += sums[at + 2]!;
      b += sums[at + 3]!;
      h += sums[at + 4]!;
      if (c < LEAST / 2) continue;
      const pixel = 4 * (row * width + x);
      // Huge pages are hatched.
      const stripe = h > c / 2 && (x + row) % 8 < 2 ? 0.55 : 1;
      pixels[pixel] = (r / c) * stripe;
      pixels[pixel + 1] = (g / c) * stripe;
      pixels[pixel + 2] = (b / c) * stripe;
      pixels[pixel + 3] = 255 * (FAINTEST + (1 - FAINTEST) * Math.min(c, 1));
    }
  }
  return pixels;
}

export const ONLY_A: [number, number, number] = [0, 114, 178];
export const ONLY_B: [number, number, number] = [213, 94, 0];
export const IN_BOTH: [number, number, number] = [138, 143, 152];

// Two recordings in one image: what only the one touched, only the other, and both. Hatched is what B
// has in huge pages.
export function rasteriseBoth(a: RasterCells, b: RasterCells, view: RasterView): Uint8ClampedArray {
  const white = (cells: RasterCells) => rasterise({ ...cells, rgb: new Uint8Array(3 * cells.rows).fill(255) }, view);
  const pixels = white(a);
  const others = white(b);
  for (let at = 0; at < pixels.length; at += 4) {
    const inA = pixels[at + 3]!;
    const inB = others[at + 3]!;
    if (inA === 0 && inB === 0) continue;
    const colour = inB === 0 ? ONLY_A : inA === 0 ? ONLY_B : IN_BOTH;
    const shade = inB > 0 ? others[at]! / 255 : 1;
    for (let part = 0; part < 3; part++) pixels[at + part] = colour[part]! * shade;
    pixels[at + 3] = Math.max(inA, inB);
  }
  return pixels;
}
