// What changed from the first recording to the second, or from several runs of the one to several of the
// other: the figures are those of `firsttouch diff`, which also says what is noise.
import type { Difference, DifferenceRow, Recording, Spread } from "./data";
import { figure, h, quoted, section } from "./dom";
import { bytes, count, duration, printable, share } from "./format";

const SHOWN = 8; // rows of a table before the rest is folded away

const TABLES = [
  ["bytes", "Memory that changed most"],
  ["ns", "Time that changed most"],
  ["", "Counts that changed most"],
] as const;

function amount(row: DifferenceRow): (value: number) => string {
  return row.unit === "bytes" ? bytes : row.unit === "ns" ? duration : count;
}

function isChange(row: DifferenceRow): boolean {
  return row.verdict === "more" || row.verdict === "less";
}

function verdict(row: DifferenceRow): string {
  if (row.verdict === "unknown") return "not known";
  if (row.verdict !== "same") return row.verdict;
  return row.change === 0 ? "same" : "within noise";
}

function median(row: DifferenceRow, side: "before" | "after"): HTMLElement {
  const spread = row[side];
  const text = amount(row);
  const range = spread && spread.runs > 1 && spread.least !== spread.most
    ? h("small", { "data-key": `${side}-range` }, figure(spread.least, text), " to ", figure(spread.most, text))
    : null;
  return h("td", { class: "number", "data-key": side }, figure(spread ? spread.median : null, text), range);
}

function change(row: DifferenceRow): HTMLElement {
  if (row.change === null) return h("td", { class: "number", "data-key": "change" }, figure(null, amount(row)));
  const text = amount(row);
  const sign = (value: number) => (value < 0 ? "−" : value > 0 ? "+" : "") + text(Math.abs(value));
  const percent = row.share === null || row.change === 0 ? "" : `${row.share < 0 ? "−" : "+"}${(100 * Math.abs(row.share)).toFixed(1)} %`;
  return h("td", { class: "number", "data-key": "change" }, figure(row.change, sign), percent ? h("small", {}, percent) : null);
}

// Both sides on one scale: a bar from the least to the most run, a mark at the median.
function ranges(row: DifferenceRow): HTMLElement {
  const cell = h("td", { class: "ranges", "aria-hidden": "true" });
  const { before, after } = row;
  if (!before || !after || before.runs + after.runs < 3) return cell;
  const least = Math.min(before.least, after.least);
  const width = Math.max(before.most, after.most) - least;
  if (width === 0) return cell;
  const place = (value: number) => `${((value - least) / width) * 100}%`;
  const lane = (spread: Spread, side: string) => {
    const range = h("i", { class: "range" });
    range.style.left = place(spread.least);
    range.style.width = `${((spread.most - spread.least) / width) * 100}%`;
    const mark = h("b", {});
    mark.style.left = place(spread.median);
    return h("span", { class: `lane ${side}` }, range, mark);
  };
  cell.append(lane(before, "a"), lane(after, "b"));
  return cell;
}

function table(caption: string, rows: DifferenceRow[], isWhole = false): HTMLElement {
  const heads = [isWhole ? "of the start" : "what", "A", "B", "", "B beside A", ""];
  const widths = [27, 16, 16, 15, 15, 11];
  const columns = widths.map((width) => {
    const column = h("col", {});
    column.style.width = `${width}%`;
    return column;
  });
  return h("div", { class: "scroll" }, h("table", { class: "compare" }, h("caption", {}, caption), h("colgroup", {}, ...columns),
    h("thead", {}, h("tr", {}, ...heads.map((text, i) => h("th", { scope: "col", class: i === 1 || i === 2 || i === 4 ? "number" : "" }, text)))),
    h("tbody", {}, ...rows.map((row) =>
      h("tr", { class: isChange(row) ? "" : "noise", "data-group": printable(row.group), "data-figure": printable(row.figure), "data-unit": row.unit, "data-verdict": row.verdict },
        h("th", { scope: "row" }, isWhole ? printable(row.figure, 80) : quoted(row.group, 60), isWhole ? null : h("small", {}, printable(row.figure, 80))),
        median(row, "before"), median(row, "after"), ranges(row), change(row), h("td", { class: "verdict" }, verdict(row)))))));
}

function folded(title: string, rows: DifferenceRow[]): HTMLElement | null {
  return rows.length > 0 ? h("details", {}, h("summary", {}, title), table(title, rows)) : null;
}

function howSure(difference: Difference): string {
  const { before, after, chance } = difference;
  if (before.length === 1 && after.length === 1) {
    return "One run of each side: how far equal starts lie apart is not known, so each figure that is not equal is shown as changed. " +
      "Several runs of each would tell: firsttouch diff --before FILE... --after FILE... --format html.";
  }
  return `A figure has changed where all ${before.length} runs of A lie apart from all ${after.length} of B. Of figures that did not change, ` +
    `${share(chance)} would look so by luck. Figures are medians, from the least to the most run below; grey is within noise.`;
}

function letter(mark: string): HTMLElement {
  return h("b", { class: `letter ${mark.toLowerCase()}` }, mark);
}

function side(mark: string, names: string[], drawn: string): HTMLElement {
  if (names.length === 1) return h("p", { class: "side" }, letter(mark), quoted(names[0]!, 200));
  return h("div", { class: "side" }, letter(mark), h("b", {}, `${names.length} runs. `), "Drawn below, and told of in all other parts, is ", quoted(drawn, 200),
    ", whose time in memory management is the median.", h("details", {}, h("summary", {}, "all of them"), h("ul", {}, ...names.map((name) => h("li", {}, quoted(name, 200))))));
}

export function comparison(recordings: Recording[], difference: Difference): HTMLElement {
  const whole = difference.rows.filter((row) => row.group === "start");
  const parts = difference.rows.filter((row) => row.group !== "start");
  const changed = parts.filter(isChange).sort((x, y) => Math.abs(y.change ?? 0) - Math.abs(x.change ?? 0));
  const noise = parts.filter((row) => row.verdict === "same" && row.change !== 0);
  const same = parts.filter((row) => row.verdict === "same" && row.change === 0);
  const unknown = parts.filter((row) => row.verdict === "unknown");
  return section("compare", "What changed", "",
    side("A", difference.before, recordings[0]!.name), side("B", difference.after, recordings[1]!.name),
    h("p", { class: "note how-sure" }, howSure(difference)),
    difference.warnings.length > 0 ? h("ul", { class: "bad" }, ...difference.warnings.map((text) => h("li", {}, quoted(text)))) : null,
    difference.settings.length > 0
      ? h("div", { class: "scroll" }, h("table", { class: "settings" }, h("caption", {}, "Set otherwise"),
          h("thead", {}, h("tr", {}, ...["", "A", "B"].map((text) => h("th", { scope: "col" }, text)))),
          h("tbody", {}, ...difference.settings.map((s) => h("tr", { "data-setting": printable(s.name) }, h("th", { scope: "row" }, printable(s.name)),
            h("td", {}, quoted(s.before || "(none)", 300)), h("td", {}, quoted(s.after || "(none)", 300)))))))
      : null,
    table("The start as a whole", whole, true),
    ...TABLES.flatMap(([unit, title]) => {
      const rows = changed.filter((row) => row.unit === unit);
      if (rows.length === 0) return [];
      return [table(title, rows.slice(0, SHOWN)), folded(`and ${count(rows.length - SHOWN)} more`, rows.slice(SHOWN))];
    }),
    changed.length === 0 ? h("p", {}, "No part differs by more than runs do anyway.") : null,
    folded(`${count(noise.length)} figures differ, but within noise`, noise),
    folded(`${count(unknown.length)} figures are known of one side only`, unknown),
    same.length > 0 ? h("p", { class: "note" }, `${count(same.length)} other figures are equal.`) : null);
}
