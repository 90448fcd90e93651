// Usage: node opening_time.mjs PAGE ROUNDS: milliseconds from asking for the file until one can use it
// (the frame behind the one in which the first screen was drawn) and until everything is there, the best
// of the rounds.
import { pathToFileURL } from "node:url";
import { launch } from "./browser.mjs";

const [file, rounds] = process.argv.slice(2);
const browser = await launch();
const best = { usable: Infinity, complete: Infinity };
for (let round = 0; round < Number(rounds); round++) {
  const page = await browser.newPage({ viewport: { width: 1400, height: 1000 } });
  const began = Date.now();
  await page.goto(pathToFileURL(file).href, { waitUntil: "commit" });
  await page.waitForSelector("main[data-ready]");
  const moments = await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => {
    const at = (name) => performance.timeOrigin + performance.getEntriesByName(name)[0].startTime;
    done({ usable: at("usable"), complete: performance.timeOrigin + performance.now() });
  }))));
  for (const name of Object.keys(best)) best[name] = Math.min(best[name], moments[name] - began);
  await page.close();
}
await browser.close();
console.log(JSON.stringify(best));
