// Tests of the page's parts that need no browser. They are TypeScript: bundled first.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as esbuild from "esbuild";
import { fileURLToPath } from "node:url";

async function load(name) {
  const built = await esbuild.build({
    entryPoints: [fileURLToPath(new URL(`../src/${name}.ts`, import.meta.url))],
    bundle: true, write: false, format: "esm", target: "es2022", logLevel: "error",
  });
  return import("data:text/javascript;base64," + Buffer.from(built.outputFiles[0].text).toString("base64"));
}

const { decodeColumn } = await load("columns");
const { bytes, duration, count, printable, address } = await load("format");
const { AddressAxis, stretches, clusters } = await load("axis");
const { rasterise, rasteriseBoth, IN_BOTH, ONLY_A, ONLY_B } = await load("raster");
const { Balance, Running, select } = await load("totals");
const { ticks } = await load("state");

const columns = (rows) => {
  const out = { rows: rows.length };
  for (const key of Object.keys(rows[0] ?? {})) out[key] = Float64Array.from(rows, (row) => row[key]);
  return out;
};

test("columns come back as they were written", () => {
  const packed = (list) => Buffer.from(list).toString("base64");
  assert.deepEqual([...decodeColumn(packed([1, 0xac, 2]), 2, "plain")], [1, 300]);
  assert.deepEqual([...decodeColumn(packed([10, 5]), 2, "deltas")], [5, 2]);
  // 2^52 - 1, the largest page number there can be.
  assert.deepEqual([...decodeColumn(packed([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x07]), 1, "plain")], [2 ** 52 - 1]);
  assert.deepEqual([...decodeColumn(packed([7, 3, 0xac, 2, 1]), 4, "runs")], [7, 7, 7, 300]);
  assert.deepEqual([...decodeColumn("", 0, "runs")], []);
  for (const wrong of [[7, 3], [7, 5], [7, 0, 7, 4], [7, 4, 1]]) assert.throws(() => decodeColumn(packed(wrong), 4, "runs"), `${wrong}`);
  for (const wrong of ["AQ", "AQ*=", "\u00e9AAA", "AQ==AQ==", "=", "===="]) assert.throws(() => decodeColumn(wrong, 1, "plain"), wrong);
  const all = [...Array(256).keys()].flatMap((i) => (i < 128 ? [i] : [i, 1]));
  for (const list of [all, all.slice(1), all.slice(2)]) {
    const values = decodeColumn(packed(list), 256 + list.length - all.length, "plain");
    assert.deepEqual([...values], [...Array(256).keys()].slice(all.length - list.length));
  }
  assert.throws(() => decodeColumn(packed([0x80]), 1, "plain"));
  assert.throws(() => decodeColumn(packed([1, 2]), 1, "plain"));
});

test("figures read as in the text report", () => {
  assert.equal(bytes(12), "12 B");
  assert.equal(bytes(4096), "4 KiB");
  assert.equal(bytes(5000), "4.9 KiB");
  assert.equal(bytes(8 * 2 ** 30), "8.0 GiB");
  assert.equal(duration(3), "3 ns");
  assert.equal(duration(1930), "1.93 µs");
  assert.equal(duration(12.5e6), "12.50 ms");
  assert.equal(count(1234567), "1,234,567");
  assert.equal(address(0x600000, 0x10), "0x600000010");
});

test("what could deceive the eye is shown by its number", () => {
  assert.equal(printable("a\u202eb"), "a\\u202eb");
  assert.equal(printable("\ud800x"), "\\ud800x");
  assert.equal(printable("\u{1f600}"), "\u{1f600}");
  assert.equal(printable("a\nb"), "a\\u000ab");
  assert.match(printable("x".repeat(1000)), /^x{400}… \(1,000 characters\)$/);
});

const owners = [{ subsystem: "Java heap" }, { subsystem: "C heap" }];
const region = (page, pages, owner, from = 0) => ({ page, pages, from, to: Infinity, owner, rights: 3, committed: 1, file: 0, call: 0 });
const cell = (page, order = 0, ts = 1, extra = {}) => ({ ts, until: Infinity, ns: 10, max: 10, page, pages: 2 ** order, faults: 1, thread: 0, owner: 0, order, kind: 0, subject: 1, ...extra });

test("stretches belong to who had them last, neighbours are joined", () => {
  const regions = columns([region(0, 100, 0), region(20, 10, 1, 5), region(100, 50, 0, 6)]);
  assert.deepEqual(stretches(regions, (o) => owners[o].subsystem), [
    { page: 0, end: 20, subsystem: "Java heap" },
    { page: 20, end: 30, subsystem: "C heap" },
    { page: 30, end: 150, subsystem: "Java heap" },
  ]);
});

test("clusters join what is near", () => {
  assert.deepEqual(clusters(columns([cell(100), cell(0), cell(10), cell(3)]), 6), [[0, 11], [100, 101]]);
});

test("the axis folds gaps, rises, and finds back what it placed", () => {
  const picture = { owners, regions: columns([region(1000, 2 ** 21, 0), region(2 ** 30, 64, 1)]), cells: columns([cell(1500), cell(2 ** 30 + 3, 0, 1, { owner: 1 })]) };
  for (const scale of ["balanced", "size"]) {
    const axis = new AddressAxis(picture, scale, null);
    assert.equal(axis.bands.length, 2);
    let last = -1;
    for (const page of [1000, 1500, 1501, 40_000, 1000 + 2 ** 21 - 1, 2 ** 30, 2 ** 30 + 3, 2 ** 30 + 63]) {
      const weight = axis.weightOf(page);
      assert.ok(weight >= last, `${scale} ${page}`);
      last = weight;
      const [from, to] = axis.spanOf(page, page + 1);
      assert.equal(axis.addressAt((from + to) / 2)?.page, page, `${scale} ${page}`);
    }
    assert.ok(Number.isNaN(axis.weightOf(2 ** 29)), "nothing is mapped there");
    assert.ok(last <= axis.total);
  }
  const size = new AddressAxis(picture, "size", null);
  const gap = size.bands[1].from - size.bands[0].to;
  assert.ok(gap > 0 && gap < 0.1 * size.total, "a gap of a terabyte takes no more than its mark");
  assert.equal(new AddressAxis(picture, "balanced", "C heap").bands.length, 1);
});

test("the raster fills from the touch on, until it is given back", () => {
  const cells = { rows: 1, ts: [2], until: [6], from: [0], to: [10], rgb: Uint8Array.of(200, 100, 50), huge: Uint8Array.of(0) };
  const pixels = rasterise(cells, { width: 10, height: 2, time: [0, 10], place: [0, 10] });
  const alpha = [...Array(10).keys()].map((x) => pixels[4 * x + 3]);
  assert.deepEqual(alpha, [0, 0, 255, 255, 255, 255, 0, 0, 0, 0]);
  assert.deepEqual([...pixels.slice(8, 11)], [200, 100, 50]);
});

test("a little of a pixel is faint, and not hidden", () => {
  const cells = { rows: 1, ts: [0], until: [Infinity], from: [0], to: [0.0001], rgb: Uint8Array.of(1, 2, 3), huge: Uint8Array.of(0) };
  const [, , , alpha] = rasterise(cells, { width: 1, height: 1, time: [0, 1], place: [0, 1] });
  assert.ok(alpha > 60 && alpha < 120, String(alpha));
});

test("two recordings in one image tell what each touched alone", () => {
  const cells = (from, to) => ({ rows: 1, ts: [0], until: [Infinity], from: [from], to: [to], rgb: Uint8Array.of(9, 9, 9), huge: Uint8Array.of(0) });
  const pixels = rasteriseBoth(cells(0, 2), cells(1, 3), { width: 1, height: 4, time: [0, 1], place: [0, 4] });
  const at = (row) => [...pixels.slice(4 * row, 4 * row + 4)];
  assert.deepEqual(at(0), [...ONLY_A, 255]);
  assert.deepEqual(at(1), [...IN_BOTH, 255]);
  assert.deepEqual(at(2), [...ONLY_B, at(2)[3]]);
  assert.equal(at(3)[3] < 255, true);
});

test("sums grow with time and within a selection", () => {
  const running = new Running(Float64Array.of(10, 5, 20), Float64Array.of(5, 1, -2));
  assert.deepEqual([0, 5, 10, 19, 20].map((t) => running.at(t)), [0, 1, 6, 6, 4]);
  const balance = Balance.of(3, (row) => row !== 1, Float64Array.of(1, 2, 3), Float64Array.of(9, 9, Infinity), (row) => 10 ** row);
  assert.deepEqual([0, 1, 3, 8, 9].map((t) => balance.at(t)), [0, 1, 101, 101, 100]);
  const recording = {
    picture: {
      owners, fault_kinds: ["first write"], stages: [{ name: "commit" }, { name: "touch" }],
      cells: columns([cell(0, 0, 5), cell(1, 0, 15), cell(2, 0, 25, { owner: 1 })]),
      calls: { ...columns([{ id: 1, ts: 12, dur: 9, net: 7, thread: 0, owner: 1, stage: 0, failed: 0, page: 0 }]), names: ["mmap"], words: [""] },
    },
  };
  const chosen = select(recording, [10, 30]);
  assert.deepEqual(chosen.faults, { count: 2, ns: 20 });
  assert.deepEqual(chosen.faultsBySubsystem.get("C heap"), { count: 1, ns: 10 });
  assert.deepEqual(chosen.callsByName.get("mmap"), { count: 1, ns: 9, max: 9 });
  assert.deepEqual(chosen.stages, [{ count: 1, ns: 7 }, { count: 2, ns: 20 }]);
});

test("ticks are round and inside", () => {
  assert.deepEqual(ticks(0, 1000, 5), [0, 200, 400, 600, 800, 1000]);
  assert.deepEqual(ticks(5, 5, 5), []);
});
