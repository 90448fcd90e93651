// Usage: node build.mjs OUT: the page as one file, script and style inside, their hashes in its
// Content-Security-Policy. The mark for the data stays; firsttouch puts them in.
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import * as esbuild from "esbuild";

const here = (name) => fileURLToPath(new URL(name, import.meta.url));

async function bundled(entry) {
  const built = await esbuild.build({
    entryPoints: [here(entry)],
    bundle: true,
    minify: true,
    write: false,
    format: "iife",
    target: "es2022",
    charset: "ascii",
    legalComments: "inline",
    logLevel: "warning",
  });
  return built.outputFiles[0].text.trim();
}

const hash = (text) => `'sha256-${createHash("sha256").update(text, "utf8").digest("base64")}'`;

const script = await bundled("src/main.ts");
const style = await bundled("src/page.css");
for (const [what, text, end] of [["script", script, "</script"], ["style", style, "</style"]]) {
  if (text.toLowerCase().includes(end) || text.includes("<!--")) {
    throw new Error(`the ${what} would end its own element`);
  }
}
const parts = {
  script,
  style,
  policy: [
    "default-src 'none'",
    `script-src ${hash(script)}`,
    `style-src ${hash(style)}`,
    "img-src data:",
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; "),
};
const page = readFileSync(here("page.html"), "utf8").replace(/@@(\w+)@@/g, (_, name) => parts[name]);
if (page.split("@firsttouch-data@").length !== 2) throw new Error("the mark for the data must be there once");
writeFileSync(process.argv[2], page);
