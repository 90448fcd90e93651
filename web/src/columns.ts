// Reads the tables that src/report/html/columns.cpp writes: each column is base64 of LEB128 numbers,
// those named in `deltas` as zigzag differences.

export interface PackedTable {
  rows: number;
  deltas: string[];
  columns: Record<string, string>;
}

// Numbers beyond 2^53 do not occur: addresses come as page numbers.
export function decodeColumn(text: string, rows: number, deltas: boolean): Float64Array {
  const bytes = atob(text);
  const values = new Float64Array(rows);
  let at = 0;
  let last = 0;
  for (let row = 0; row < rows; row++) {
    let value = 0;
    let scale = 1;
    for (;;) {
      if (at >= bytes.length) throw new Error("a column ends early");
      const byte = bytes.charCodeAt(at++);
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) break;
      scale *= 128;
    }
    if (deltas) {
      last += value % 2 === 0 ? value / 2 : -(value + 1) / 2;
      value = last;
    }
    values[row] = value;
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
    out[name] = decodeColumn(column, table.rows, table.deltas.includes(name));
  }
  return out as Record<Name, Float64Array> & { rows: number };
}
