// Reads the tables that src/report/html/columns.cpp writes: each column is base64 of LEB128 numbers;
// those named in `deltas` are zigzag differences, those in `runs` values and how often, in turn.

export interface PackedTable {
  rows: number;
  deltas: string[];
  runs: string[];
  columns: Record<string, string>;
}

export type Coding = "plain" | "deltas" | "runs";

const DIGITS = (() => {
  const digits = new Uint8Array(256).fill(255);
  [..."ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"].forEach((c, i) => (digits[c.charCodeAt(0)] = i));
  return digits;
})();

// atob makes a string, of which each byte then is a call. Padding counts as zeroes, and is cut off.
function bytesOf(text: string): Uint8Array {
  if (text.length % 4 !== 0) throw new Error("a column is no base64");
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  const whole = text.length - (padding > 0 ? 4 : 0);
  const bytes = new Uint8Array((text.length / 4) * 3);
  let at = 0;
  let seen = 0; // 64 and more: a character that is no digit
  for (let i = 0; i < whole; i += 4) {
    const a = DIGITS[text.charCodeAt(i) & 0xff]!;
    const b = DIGITS[text.charCodeAt(i + 1) & 0xff]!;
    const c = DIGITS[text.charCodeAt(i + 2) & 0xff]!;
    const d = DIGITS[text.charCodeAt(i + 3) & 0xff]!;
    seen |= a | b | c | d;
    const group = (a << 18) | (b << 12) | (c << 6) | d;
    bytes[at++] = group >> 16;
    bytes[at++] = group >> 8;
    bytes[at++] = group;
  }
  if (padding > 0) {
    const digits = [0, 1, 2, 3].map((i) => (i < 4 - padding ? DIGITS[text.charCodeAt(whole + i) & 0xff]! : 0));
    seen |= digits.reduce((a, b) => a | b);
    bytes[at++] = (digits[0]! << 2) | (digits[1]! >> 4);
    bytes[at++] = (digits[1]! << 4) | (digits[2]! >> 2);
    bytes[at++] = digits[2]! << 6;
  }
  if (seen > 63) throw new Error("a column is no base64");
  return bytes.subarray(0, at - padding);
}

// Numbers beyond 2^53 do not occur: addresses come as page numbers.
export function decodeColumn(text: string, rows: number, coding: Coding): Float64Array {
  const bytes = bytesOf(text);
  const values = new Float64Array(rows);
  let at = 0;
  const next = () => {
    if (at >= bytes.length) throw new Error("a column ends early");
    let byte = bytes[at++]!;
    if (byte < 0x80) return byte;
    let value = byte & 0x7f;
    for (let scale = 128; ; scale *= 128) {
      if (at >= bytes.length) throw new Error("a column ends early");
      byte = bytes[at++]!;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  };
  if (coding === "runs") {
    for (let row = 0; row < rows; ) {
      const value = next();
      const end = row + next();
      if (end > rows || end === row) throw new Error("a run is not as long as its column");
      values.fill(value, row, end);
      row = end;
    }
  } else if (coding === "deltas") {
    let last = 0;
    for (let row = 0; row < rows; row++) {
      const value = next();
      last += value % 2 === 0 ? value / 2 : -(value + 1) / 2;
      values[row] = last;
    }
  } else {
    for (let row = 0; row < rows; row++) values[row] = next();
  }
  if (at !== bytes.length) throw new Error("a column goes on behind its end");
  return values;
}

export function decodeTable<Name extends string>(
  table: PackedTable,
  names: readonly Name[],
): Record<Name, Float64Array> & { rows: number } {
  const out: Record<string, Float64Array | number> = { rows: table.rows };
  for (const name of names) {
    const column = table.columns[name];
    if (column === undefined) throw new Error(`no column ${name}`);
    out[name] = decodeColumn(column, table.rows, table.deltas.includes(name) ? "deltas" : table.runs.includes(name) ? "runs" : "plain");
  }
  return out as Record<Name, Float64Array> & { rows: number };
}

// The place of a value in a rising column, or -1.
export function search(column: Float64Array, value: number): number {
  let low = 0;
  let high = column.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (column[middle]! < value) low = middle + 1;
    else high = middle;
  }
  return column[low] === value ? low : -1;
}
