// Does the page of a real recording show what the report says, and can one use it? Run by CTest, or:
//   FT_BUILD=build/release node --test web/test/page.test.mjs
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { BUILD, FIRSTTOUCH, FOLDER, JDKS, classes, cutShort, difference, launch, open, record, reportHtml, reportJson, scratch, shot, whyNoBpf, whyNot } from "./browser.mjs";

const cannot = whyNot();
if (cannot) {
  console.log(`SKIP: ${cannot}`);
  process.exit(0);
}
const noBpf = whyNoBpf();
if (noBpf) console.log(`without the recordings that need it: ${noBpf}`);

let browser;
let hello; // { file, html }
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

const java = (home, ...options) => [join(home, "bin/java"), "-Xms256m", "-Xmx8g", ...options, "-cp", classes(), "Hello"];

function helloPage() {
  if (!hello) {
    const file = record("hello", java(JDKS[0][1], "-XX:+UseG1GC"));
    hello = { file, html: reportHtml(file), json: reportJson(file) };
  }
  return hello;
}

// The figures of a part of the page, by key: every data-value with the data-… above it.
const valuesIn = (page, selector) =>
  page.$$eval(selector, (rows) => rows.map((row) => {
    const cells = {};
    for (const cell of row.querySelectorAll("[data-key]")) {
      const shown = cell.querySelector("[data-value]");
      if (shown) cells[cell.dataset.key] = { value: JSON.parse(shown.dataset.value), text: shown.textContent };
    }
    return [row.dataset.row ?? row.dataset.stage, cells];
  }));

const needsJvm = { skip: noBpf ?? (JDKS.length === 0 ? "no JDK is installed" : false) };

test("a JVM's page opens quickly, small and without a sound", needsJvm, async () => {
  const { html } = helloPage();
  assert.ok(html.bytes < 3e6, `${html.bytes} bytes`);
  const { page, wrong, close } = await open(browser, html.file);
  assert.deepEqual(wrong, []);
  const sections = await page.$$eval("main > section", (all) => all.map((s) => s.id));
  for (const id of ["cost", "map", "timeline", "subsystems", "calls", "faults", "orders", "flushes", "tables", "free", "numa", "flame", "findings", "trust"]) {
    assert.ok(sections.includes(id), `no section ${id}`);
  }
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth), "it does not scroll sideways");
  await shot(page, "whole-light");
  await close();
});

test("its figures are those of report --format json", needsJvm, async () => {
  const { html, json } = helloPage();
  const { page, close } = await open(browser, html.file);
  const rows = new Map(await valuesIn(page, "#subsystems tr[data-row]"));
  assert.equal(rows.size, json.subsystems.length);
  for (const subsystem of json.subsystems) {
    const row = rows.get(subsystem.name);
    assert.ok(row, subsystem.name);
    for (const [key, cell] of Object.entries(row)) assert.equal(cell.value, subsystem[key], `${subsystem.name} ${key}`);
    assert.ok(Object.keys(row).length >= 8);
  }
  const calls = new Map(await valuesIn(page, "#calls tbody tr[data-row]"));
  for (const [name, stats] of Object.entries(json.syscalls)) {
    if (stats.count === 0) continue;
    for (const [key, cell] of Object.entries(calls.get(name))) assert.equal(cell.value, stats[key], `${name} ${key}`);
  }
  for (const key of ["count", "minor", "major", "huge", "total_ns", "p50_ns", "p99_ns", "max_ns"]) {
    assert.equal(Number(await page.getAttribute(`[data-fault=${key}] [data-value]`, "data-value")), json.faults[key], key);
  }
  const orders = new Map(await valuesIn(page, "#orders tr[data-row]"));
  for (const [order, blocks] of Object.entries(json.page_allocs.by_order)) assert.equal(orders.get(`order ${order}`).blocks.value, blocks);
  for (const level of ["pte", "pmd", "pud"]) {
    assert.equal(Number(await page.getAttribute(`[data-tables=${level}] [data-value]`, "data-value")), json.page_tables.by_level[level]);
  }
  assert.equal(Number(await page.getAttribute("[data-lost]", "data-lost")), json.loss.total);
  const checks = await page.$$eval("#trust tr[data-check]", (all) => all.map((row) => [row.dataset.check, ...[...row.querySelectorAll("[data-value]")].map((e) => Number(e.dataset.value))]));
  assert.deepEqual(checks, json.reconcile.map((line) => [line.what, line.recorded, line.kernel]));
  const waits = await page.$$eval("#waits tr[data-wait]", (all) => all.map((row) => [row.dataset.wait, ...[...row.querySelectorAll("[data-value]")].map((e) => Number(e.dataset.value))]));
  assert.deepEqual(waits, waits.map(([key]) => [key, json.waits[key].count, json.waits[key].total_ns, json.waits[key].max_ns]));
  assert.equal(await page.$$eval("#findings [data-finding]", (all) => all.length), json.findings.filter((f) => f.state === "fires").length);
  assert.equal(Number(await page.getAttribute("[data-time=kernel_mm_ns] [data-value]", "data-value")), json.time.kernel_mm_ns);
  assert.equal(await page.$$eval("#flame [data-stage-of-kernel]", (all) => all.length), json.stages?.length ?? 0);
  // Formatted as the text report formats.
  assert.equal(rows.get("Java heap").reserved_bytes.text, "8.0 GiB");
  // The picture's own sums: every fault is in a cell and in the heat map, every stage's time adds up.
  const sums = await page.evaluate(() => {
    const { picture } = window.firsttouch.recordings[0];
    const add = (column) => column.reduce((a, b) => a + b, 0);
    return {
      faults: add(picture.cells.faults), ns: add(picture.cells.ns), heat: add(picture.latency.entries.count),
      blocks: add(picture.allocations.entries.count), flushes: add(picture.flushes.entries.count),
      calls: picture.stages.slice(0, -1).reduce((a, s) => a + s.ns, 0), tables: picture.tables.flatMap((d) => d.parts).reduce((a, p) => a + p.pte_tables, 0),
    };
  });
  assert.equal(sums.faults, json.faults.count);
  assert.equal(sums.heat, json.faults.count);
  assert.equal(sums.ns, json.faults.total_ns);
  assert.equal(sums.blocks, Object.values(json.page_allocs.by_order).reduce((a, b) => a + b, 0));
  assert.equal(sums.flushes, Object.values(json.tlb_flushes.by_reason).reduce((a, b) => a + b, 0));
  assert.equal(sums.calls, json.time.kernel_mm_parts.calls_ns);
  assert.ok(sums.tables <= json.page_tables.by_level.pte);
  await close();
});

test("scrub, zoom, hover and keys move the map", needsJvm, async () => {
  const { page, wrong, close } = await open(browser, helloPage().html.file);
  const state = () => page.evaluate(() => ({ view: window.firsttouch.state.view, moment: window.firsttouch.state.moment, brush: window.firsttouch.state.brush, whole: window.firsttouch.state.whole }));
  const reading = () => page.$$eval("#map .reading dd > [data-value]", (all) => all.map((e) => Number(e.dataset.value)));
  const frame = () => page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
  await page.locator("#map .over").scrollIntoViewIfNeeded();
  const box = await page.locator("#map .over").boundingBox();

  const atEnd = await reading();
  assert.ok(atEnd[1] > 50 * atEnd[3], "much more is reserved than touched");
  await page.locator("#map .scrub").fill("300");
  await frame();
  const early = await reading();
  assert.ok(early[3] < atEnd[3] && early[0] < atEnd[0], "less was touched earlier");
  await shot(page, "map-scrubbed", "#map");
  await page.locator("#map .scrub").fill("1000");
  await frame();

  // Somewhere in the middle of the plot there is something to tell.
  let told = "";
  for (let y = 30; y < 540 && !/reserved|committed/.test(told); y += 5) {
    await page.mouse.move(box.x + box.width * 0.7, box.y + y);
    told = (await page.locator("#map .tip").textContent()) ?? "";
  }
  assert.match(told, /0x[0-9a-f]+ at .*(reserved|committed)/s);
  let touched = "";
  for (let y = 30; y < 540 && !/fault/.test(touched); y += 3) {
    await page.mouse.move(box.x + box.width * 0.95, box.y + y);
    touched = (await page.locator("#map .tip").textContent()) ?? "";
  }
  assert.match(touched, /touched .* (ns|µs|ms)/s);
  await shot(page, "map-hover", null);

  const whole = await state();
  await page.mouse.move(box.x + 400, box.y + 150);
  await page.mouse.down();
  await page.mouse.move(box.x + 700, box.y + 350, { steps: 5 });
  await page.mouse.up();
  await frame();
  const zoomed = await state();
  assert.ok(zoomed.view[1] - zoomed.view[0] < 0.5 * (whole.view[1] - whole.view[0]));
  await shot(page, "map-zoomed", "#map");
  await page.locator("#map .over").focus();
  await page.keyboard.press("+");
  await frame();
  const closer = await state();
  assert.ok(closer.view[1] - closer.view[0] < zoomed.view[1] - zoomed.view[0]);
  await page.keyboard.press("ArrowLeft");
  await frame();
  assert.ok((await state()).view[0] < closer.view[0]);
  await page.keyboard.press(",");
  await page.keyboard.press("PageDown");
  await page.keyboard.press("]");
  await frame();
  assert.equal(await page.locator("#map .tip").isHidden(), false, "an area told by keys");
  await page.keyboard.press("0");
  await frame();
  assert.deepEqual((await state()).view, whole.view);
  await page.mouse.wheel(0, -300);
  await frame();
  assert.ok((await state()).view[1] - (await state()).view[0] < whole.view[1] - whole.view[0], "the wheel zooms a chosen map");
  await page.keyboard.press("0");

  await page.selectOption("#map select.scale", "size");
  await page.selectOption("#map select.paint", "latency");
  await frame();
  await shot(page, "map-size-latency", "#map");
  await page.selectOption("#map select.only", "Java heap");
  await frame();
  await shot(page, "map-heap", "#map");
  assert.deepEqual(wrong, []);
  await close();
});

test("a selected stretch of time filters the tables, and lets go again", needsJvm, async () => {
  const { html, json } = helloPage();
  const { page, wrong, close } = await open(browser, html.file);
  const faults = async () => (await valuesIn(page, "#subsystems tr[data-row]")).reduce((a, [, cells]) => a + cells.faults.value, 0);
  const frame = () => page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
  assert.equal(await faults(), json.faults.count);
  await page.locator("#timeline canvas").scrollIntoViewIfNeeded();
  const box = await page.locator("#timeline canvas").boundingBox();
  await page.mouse.move(box.x + box.width * 0.4, box.y + 60);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.6, box.y + 60, { steps: 4 });
  await page.mouse.up();
  await frame();
  const some = await faults();
  assert.ok(some > 0 && some < json.faults.count, `${some} of ${json.faults.count}`);
  const expected = await page.evaluate(() => {
    const { state, recordings } = window.firsttouch;
    const { cells } = recordings[0].picture;
    let sum = 0;
    for (let i = 0; i < cells.rows; i++) if (cells.ts[i] >= state.brush[0] && cells.ts[i] <= state.brush[1]) sum += cells.faults[i];
    return sum;
  });
  assert.equal(some, expected);
  assert.match(await page.locator(".selection").textContent(), /Selected: /);
  // Each part follows, or says that it does not.
  const waited = await page.$$eval("#waits tr[data-wait] td:nth-child(2) [data-value]", (all) => all.reduce((sum, e) => sum + Number(e.dataset.value), 0));
  assert.ok(waited <= ["mmap_lock", "direct_reclaim", "memcg_reclaim", "compaction"].reduce((sum, key) => sum + json.waits[key].count, 0));
  // Of the samples those that were taken in the selection, by stack and by stage.
  const sampled = await page.evaluate(() => {
    const { state, recordings } = window.firsttouch;
    const { samples, stacks } = recordings[0].flame;
    const inside = [...samples.us.keys()].filter((i) => samples.us[i] * 1000 >= state.brush[0] && samples.us[i] * 1000 <= state.brush[1]);
    return { all: inside.length, kernel: inside.filter((i) => stacks[samples.stack[i]].stage !== "user").length, rows: samples.rows };
  });
  assert.equal(sampled.rows, json.samples.taken);
  assert.equal(Number(await page.getAttribute("#flame canvas", "data-samples")), sampled.all);
  assert.equal(await page.$$eval("#flame tr[data-stage-of-kernel] [data-value]", (all) => all.reduce((sum, e) => sum + Number(e.dataset.value), 0)), sampled.kernel);
  for (const id of ["tables", "free", "numa", "flame", "trust"]) assert.ok(await page.locator(`#${id} .unselected`).isVisible(), id);
  await shot(page, "timeline-selected", "#timeline");
  await shot(page, "subsystems-selected", "#subsystems");
  await page.locator("#timeline canvas").focus();
  await page.keyboard.press("Escape");
  await frame();
  assert.equal(await faults(), json.faults.count);
  assert.equal(await page.locator("#flame .unselected").isVisible(), false);
  assert.equal(Number(await page.getAttribute("#flame canvas", "data-samples")), json.samples.taken);
  await page.keyboard.press("e");
  await frame();
  assert.ok(await page.evaluate(() => window.firsttouch.state.brush !== null), "a selection by keys");
  assert.deepEqual(wrong, []);
  await close();
});

test("each view has its screenshot, in the dark and on paper too", needsJvm, async () => {
  const { html } = helloPage();
  const { page, wrong, close } = await open(browser, html.file, { colorScheme: "dark" });
  const background = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  const dark = await background();
  for (const id of ["cost", "map", "timeline"]) await shot(page, `dark-${id}`, `#${id}`);
  // A dark page is drawn anew for paper, and again for the screen.
  const brightness = () => page.evaluate(() => {
    const canvas = document.querySelector(".lanes");
    const copy = new OffscreenCanvas(160, canvas.height).getContext("2d"); // of the threads' names
    copy.drawImage(canvas, 0, 0);
    const { data } = copy.getImageData(0, 0, 160, canvas.height);
    let sum = 0;
    let seen = 0;
    for (let i = 0; i < data.length; i += 4) if (data[i + 3] > 200) [sum, seen] = [sum + data[i], seen + 1];
    return sum / seen;
  });
  const light = await brightness();
  await page.evaluate(() => window.dispatchEvent(new Event("beforeprint")));
  assert.notEqual(await background(), dark);
  assert.ok(await brightness() < 128 && light > 128, "dark letters on paper, bright ones on the screen");
  await page.evaluate(() => window.dispatchEvent(new Event("afterprint")));
  assert.equal(await background(), dark);
  assert.ok(await brightness() > 128);
  await page.click("button.theme");
  assert.notEqual(await background(), dark);
  for (const id of await page.$$eval("main > section", (all) => all.map((s) => s.id))) await shot(page, `view-${id}`, `#${id}`);
  await page.emulateMedia({ media: "print" });
  assert.equal(await page.locator("nav").isHidden(), true);
  await shot(page, "print-subsystems", "#subsystems");
  // Everything that can be used has a name, every table a heading.
  const nameless = await page.$$eval("button, select, input, canvas[tabindex]", (all) =>
    all.filter((e) => !(e.textContent?.trim() || e.getAttribute("aria-label") || e.closest("label"))).map((e) => e.outerHTML.slice(0, 80)));
  assert.deepEqual(nameless, []);
  assert.deepEqual(wrong, []);
  await close();
});

let parallel;
const other = () => (parallel ??= record("parallel", java(JDKS[0][1], "-XX:+UseParallelGC")));

test("a link into the page leads there, though the part is made later", needsJvm, async () => {
  const { page, wrong, close } = await open(browser, helloPage().html.file, {}, "#trust");
  const box = await page.locator("#trust h2").boundingBox();
  assert.ok(box.y >= 0 && box.y < 1000, `it is at ${box.y}`);
  await page.click("nav a[href='#calls']");
  await page.waitForFunction(() => Math.abs(document.querySelector("#calls").getBoundingClientRect().top) < 120);
  assert.deepEqual(wrong, []);
  await close();
});

test("two recordings stand beside each other", needsJvm, async () => {
  const html = reportHtml(helloPage().file, other());
  const { page, wrong, close } = await open(browser, html.file);
  const json = reportJson(other());
  assert.equal(Number(await page.getAttribute("#compare tr[data-figure='page faults'] [data-key=after] [data-value]", "data-value")), json.faults.count);
  assert.equal(await page.$$eval("#map .map", (all) => all.length), 2);
  await page.locator("#map select.lay-over").first().selectOption("other");
  assert.match(await page.locator("#map .placeless").first().textContent(), /that it had in memory at the end lie at addresses of this map/);
  await shot(page, "two-laid-over", "#map .map");
  await page.locator("#map select.lay-over").first().selectOption("");
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth), "it does not scroll sideways");
  for (const id of ["compare", "map"]) await shot(page, `two-${id}`, `#${id}`);
  assert.deepEqual(wrong, []);
  await close();
});

test("what changed between several runs of each side is what diff says, noise told from change", needsJvm, async () => {
  const before = [helloPage().file, record("hello2", java(JDKS[0][1], "-XX:+UseG1GC"))];
  const after = [other(), record("parallel2", java(JDKS[0][1], "-XX:+UseParallelGC"))];
  const { html, json } = difference(before, after);
  const { page, wrong, close } = await open(browser, html);
  const rows = await page.$$eval("#compare tr[data-figure]", (all) => all.map((row) => {
    const numbers = (key) => [...row.querySelectorAll(`[data-key="${key}"] [data-value]`)].map((e) => JSON.parse(e.dataset.value));
    return {
      key: JSON.stringify([row.dataset.group, row.dataset.figure, row.dataset.unit]), verdict: row.dataset.verdict, change: numbers("change"), before: numbers("before"),
      beforeRange: numbers("before-range"), after: numbers("after"), afterRange: numbers("after-range"), grey: row.classList.contains("noise"), words: row.querySelector(".verdict").textContent,
    };
  }));
  const shown = new Map(rows.map((row) => [row.key, row]));
  assert.equal(shown.size, rows.length, "each figure once");
  const words = new Set();
  for (const figure of json.rows) {
    const row = shown.get(JSON.stringify([figure.group, figure.figure, figure.unit]));
    const what = `${figure.group}, ${figure.figure}`;
    if (!row) {
      assert.ok(figure.verdict === "same" && figure.change === 0 && figure.group !== "start", `${what} is not on the page`);
      continue;
    }
    assert.equal(row.verdict, figure.verdict, what);
    assert.deepEqual(row.change, [figure.change], what);
    for (const side of ["before", "after"]) {
      const spread = figure[side];
      assert.equal(row[side][0], spread?.median ?? null, what);
      assert.deepEqual(row[`${side}Range`], spread && spread.least !== spread.most ? [spread.least, spread.most] : [], what);
    }
    assert.equal(row.grey, !["more", "less"].includes(figure.verdict), what);
    words.add(row.words);
  }
  assert.ok(words.has("within noise") && (words.has("more") || words.has("less")), [...words].join());
  assert.match(await page.locator("#compare .how-sure").textContent(), /all 2 runs of A lie apart from all 2 of B.* 33 % would look so by luck/s);
  assert.equal(await page.locator("#map .map").count(), 2, "of each side one run is drawn");
  await shot(page, "two-compare-noise", "#compare");
  assert.deepEqual(wrong, []);
  await close();
});

for (const [jdk, home] of JDKS) {
  for (const collector of ["-XX:+UseG1GC", "-XX:+UseZGC"]) {
    if (jdk === "17" && collector === "-XX:+UseG1GC") continue; // all of the above
    test(`JDK ${jdk} with ${collector}`, { skip: noBpf ?? false }, async () => {
      const file = record(`jdk${jdk}${collector.slice(5, 9)}`, java(home, collector));
      const json = reportJson(file);
      const html = reportHtml(file);
      const { page, wrong, close } = await open(browser, html.file);
      assert.ok(html.bytes < 3e6, `${html.bytes} bytes`);
      const rows = new Map(await valuesIn(page, "#subsystems tr[data-row]"));
      for (const s of json.subsystems) assert.equal(rows.get(s.name).faults.value, s.faults);
      await shot(page, `jdk${jdk}-${collector.slice(8)}`, "#map");
      assert.deepEqual(wrong, []);
      await close();
    });
  }
}

test("more faults than cells are drawn as aggregates that add up", { skip: noBpf ?? false }, async () => {
  const file = record("many", [join(BUILD, "bin/targets/touch_pages"), "150000", "2"]);
  const json = reportJson(file);
  const { page, wrong, close } = await open(browser, reportHtml(file).file);
  const sums = await page.evaluate(() => {
    const { cells, cell_ns } = window.firsttouch.recordings[0].picture;
    return { faults: cells.faults.reduce((a, b) => a + b, 0), rows: cells.rows, cell_ns };
  });
  assert.equal(sums.faults, json.faults.count);
  assert.ok(sums.rows <= 100_000 && sums.cell_ns > 0);
  await shot(page, "many-faults", "#map");
  assert.deepEqual(wrong, []);
  await close();
});

test("what an unprivileged recording lacks is named, and nothing is empty", async () => {
  const file = record("ptrace", ["/bin/sh", "-c", "true"], ["--backend", "ptrace"]);
  const { page, wrong, close } = await open(browser, reportHtml(file).file);
  assert.deepEqual(wrong, []);
  for (const id of ["faults", "orders", "flushes", "flame"]) {
    assert.match(await page.locator(`#${id}`).textContent(), /not there\./, id);
    assert.equal(await page.locator(`#${id} canvas`).count(), 0, id);
  }
  assert.match(await page.locator("#faults").textContent(), /ptrace backend does not see page faults/);
  assert.match(await page.locator("#map .reading").textContent(), /not known/);
  await shot(page, "ptrace");
  await close();
});

test("a recording that was cut short says so at the top", { skip: noBpf ?? false }, async () => {
  const file = await cutShort("cut", ["/bin/sh", "-c", "i=0; while [ $i -lt 400 ]; do /bin/true; i=$((i+1)); sleep 0.01; done"]);
  const { page, wrong, close } = await open(browser, reportHtml(file).file);
  assert.deepEqual(wrong, []);
  assert.match(await page.locator(".trust").first().textContent(), /cut short/i);
  await shot(page, "cut-short", ".trust");
  await close();
});

test("hostile strings are text", async () => {
  const hostile = ["</script><script>document.title='x'</script>", "<img src=http://127.0.0.1/x onerror=alert(1)>", "\"'`&amp;", "\u202etxt.exe", "x".repeat(100_000)];
  const log = hostile.map((text, i) =>
    `100 00:00:0${i}.000000 openat(AT_FDCWD, ${JSON.stringify(text)}, O_RDONLY) = 3</tmp/${text}> <0.000010>\n` +
    `100 00:00:0${i}.500000 mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, 3</tmp/${text}>, 0) = 0x7f0000${i}00000 <0.000020>\n`).join("");
  const strace = scratch("hostile.log", Buffer.concat([
    Buffer.from(`100 00:00:00.000000 execve("/bin/x", ["x", ${hostile.map((t) => JSON.stringify(t)).join(", ")}], 0x7ffc /* 1 var */) = 0 <0.000100>\n`),
    Buffer.from(log), Buffer.from([0x31, 0x30, 0x30, 0x20, 0xff, 0xfe, 0x0a])]));
  const file = join(FOLDER, "hostile.ft");
  const done = spawnSync(FIRSTTOUCH, ["import", "strace", strace, "-o", file], { encoding: "utf8" });
  assert.equal(done.status, 0, done.stderr);
  const { page, wrong, close } = await open(browser, reportHtml(file).file);
  assert.deepEqual(wrong, []);
  assert.equal(await page.locator("main script, main img").count(), 0);
  const command = await page.locator(".command").first().textContent();
  assert.match(command, /<\/script><script>document\.title/);
  assert.ok(command.length < 2000, "cut for display");
  const text = await page.locator("main").textContent();
  assert.ok(!text.includes("\u202e"), "bidi overrides are shown by their number");
  assert.notEqual(await page.title(), "x");
  await shot(page, "hostile", "header");
  await close();
});
