// What the page's tests share: recordings made once, pages in headless Chromium that must not say
// anything on the console nor ask the network for anything.
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

export const BUILD = process.env.FT_BUILD ?? "build/release";
export const FIRSTTOUCH = join(BUILD, "bin/firsttouch");
export const SHOTS = join(BUILD, "screenshots");
export const SOURCE = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
export const FOLDER = mkdtempSync(join(tmpdir(), "ft-page-"));
// A machine that also builds may stop for many seconds; nothing here is about time.
const PATIENCE_MS = 180_000;
const CHROMIUM = ["/usr/bin/chromium", "/usr/bin/chromium-browser"].find(existsSync);
process.on("exit", () => rmSync(FOLDER, { recursive: true, force: true }));

export const JDKS = [
  ["17", "/usr/lib/jvm/java-17-openjdk-amd64"],
  ["25", "/usr/lib/jvm/temurin-25-jdk-amd64"],
].filter(([, home]) => existsSync(join(home, "bin/java")));

export function whyNot() {
  if (!CHROMIUM) return "Chromium is not installed";
  if (!existsSync(FIRSTTOUCH)) return `${FIRSTTOUCH} was not built`;
  return null;
}

export function whyNoBpf() {
  const done = spawnSync(FIRSTTOUCH, ["record", "--backend", "bpf", "-o", join(FOLDER, "probe.ft"), "--", "/bin/true"], { encoding: "utf8" });
  return done.status === 0 ? null : `the BPF backend does not work here: ${done.stderr.trim().split("\n").pop()}`;
}

export function classes() {
  const to = join(FOLDER, "classes");
  if (!existsSync(to)) {
    mkdirSync(to);
    execFileSync("javac", ["--release", "17", "-d", to, join(SOURCE, "tests/targets/Hello.java")]);
  }
  return to;
}

export function record(name, command, options = []) {
  const file = join(FOLDER, `${name}.ft`);
  const done = spawnSync(FIRSTTOUCH, ["record", "-o", file, ...options, "--", ...command], { encoding: "utf8" });
  if (!existsSync(file)) throw new Error(`record ${command.join(" ")} failed: ${done.stderr}`);
  return file;
}

// Kills the recorder, not the target, while it works.
export async function cutShort(name, command) {
  const file = join(FOLDER, `${name}.ft`);
  const recorder = spawn(FIRSTTOUCH, ["record", "-o", file, "--", ...command], { stdio: "ignore" });
  const ended = new Promise((resolve) => recorder.on("exit", resolve));
  await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 2500))]);
  recorder.kill("SIGKILL");
  await ended;
  return file;
}

export function reportJson(file) {
  return JSON.parse(execFileSync(FIRSTTOUCH, ["report", file, "--format", "json"], { encoding: "utf8", maxBuffer: 1 << 28 }));
}

export function reportHtml(...files) {
  const out = join(FOLDER, files.map((f) => f.split("/").pop()).join("+") + ".html");
  execFileSync(FIRSTTOUCH, ["report", ...files, "--format", "html", "-o", out], { stdio: ["ignore", "ignore", "inherit"] });
  return { file: out, bytes: statSync(out).size };
}

// Several runs of each side: `diff` as JSON, and as a page.
export function difference(before, after) {
  const groups = ["diff", "--before", ...before, "--after", ...after];
  const out = join(FOLDER, "diff.html");
  const json = JSON.parse(execFileSync(FIRSTTOUCH, [...groups, "--format", "json"], { encoding: "utf8", maxBuffer: 1 << 28 }));
  execFileSync(FIRSTTOUCH, [...groups, "--format", "html", "-o", out], { stdio: ["ignore", "ignore", "inherit"] });
  return { json, html: out };
}

export async function launch() {
  const { chromium } = await import("playwright-core");
  return chromium.launch({
    executablePath: CHROMIUM,
    timeout: PATIENCE_MS,
    args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
      "--disable-component-update", "--disable-sync"],
  });
}

// A page with what went wrong in it: messages of the console, errors, requests other than for itself.
export async function open(browser, file, options = {}, fragment = "") {
  const context = await browser.newContext({ viewport: { width: 1400, height: 1000 }, ...options });
  context.setDefaultTimeout(PATIENCE_MS);
  const page = await context.newPage();
  const wrong = [];
  page.on("console", (message) => wrong.push(`console ${message.type()}: ${message.text()}`));
  page.on("pageerror", (error) => wrong.push(`error: ${error.message}`));
  page.on("request", (request) => {
    if (request.url().split("#")[0] !== pathToFileURL(file).href && !request.url().startsWith("data:")) wrong.push(`request: ${request.url()}`);
  });
  const began = Date.now();
  await page.goto(pathToFileURL(file).href + fragment);
  await page.waitForSelector("main[data-ready]");
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
  return { page, wrong, ms: Date.now() - began, close: () => context.close() };
}

export async function shot(page, name, selector) {
  mkdirSync(SHOTS, { recursive: true });
  const path = join(SHOTS, `${name}.png`);
  if (selector === null) {
    await page.screenshot({ path }); // as it is on the screen
  } else if (selector) {
    const part = page.locator(selector).first();
    await page.evaluate(() => (document.querySelector("nav").style.position = "static"));
    await part.scrollIntoViewIfNeeded();
    await part.screenshot({ path });
  } else {
    await page.screenshot({ path, fullPage: true });
  }
  return path;
}

export function scratch(name, text) {
  const path = join(FOLDER, name);
  writeFileSync(path, text);
  return path;
}
