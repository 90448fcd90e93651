// Usage: node opening_time.mjs PAGE ROUNDS: milliseconds from asking for the file to the frame behind
// the one in which everything was drawn, the best of the rounds.
import { pathToFileURL } from "node:url";
import { launch } from "./browser.mjs";

const [file, rounds] = process.argv.slice(2);
const browser = await launch();
let best = Infinity;
for (let round = 0; round < Number(rounds); round++) {
  const page = await browser.newPage({ viewport: { width: 1400, height: 1000 } });
  const began = performance.now();
  await page.goto(pathToFileURL(file).href, { waitUntil: "commit" });
  await page.waitForSelector("main[data-ready]");
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
  best = Math.min(best, performance.now() - began);
  await page.close();
}
await browser.close();
console.log(best.toFixed(1));
