// Figures in the words of the text report (src/base/text.cpp), so that both say the same.

const BYTE_UNITS = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

export function bytes(value: number): string {
  if (value < 0) return "−" + bytes(-value);
  if (value < 1024) return `${value} B`;
  let scaled = value / 1024;
  let unit = 0;
  while (scaled >= 1024 && unit + 1 < BYTE_UNITS.length) {
    scaled /= 1024;
    unit++;
  }
  const whole = unit === 0 && value % 1024 === 0;
  return `${scaled.toFixed(whole ? 0 : 1)} ${BYTE_UNITS[unit]}`;
}

export function duration(ns: number): string {
  const size = Math.abs(ns);
  const text = (value: number, unit: string) => `${value.toFixed(2).replace("-", "−")} ${unit}`;
  if (size < 1e3) return `${Math.round(ns)} ns`;
  if (size < 1e6) return text(ns / 1e3, "µs");
  if (size < 1e9) return text(ns / 1e6, "ms");
  return text(ns / 1e9, "s");
}

export function count(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+(?!\d))/g, ",").replace("-", "−");
}

export function share(value: number): string {
  if (!isFinite(value)) return "";
  const percent = value * 100;
  if (percent !== 0 && Math.abs(percent) < 0.1) return percent < 0 ? "> −0.1 %" : "< 0.1 %";
  return `${percent.toFixed(Math.abs(percent) < 10 ? 1 : 0)} %`;
}

// Page numbers have up to 52 bits; the address is that with three more hexadecimal zeroes.
export function address(page: number, inside = 0): string {
  return "0x" + page.toString(16) + inside.toString(16).padStart(3, "0");
}

// What would change how the text around it reads is shown by its number: controls, bidirectional
// overrides, invisible marks, halves of surrogate pairs.
const HOSTILE =
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

export function printable(text: string, most = 400): string {
  const cut = text.length > most;
  const shown = (cut ? text.slice(0, most) : text).replace(
    HOSTILE,
    (c) => "\\u" + c.charCodeAt(0).toString(16).padStart(4, "0"),
  );
  return cut ? `${shown}… (${count(text.length)} characters)` : shown;
}
