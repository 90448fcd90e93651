// What is drawn into the map: regions, touched pages, names, and what lies over them.
import { subsystemColour, theme, withAlpha } from "./colours";
import type { Recording } from "./data";
import type { Point } from "./dom";
import { bytes } from "./format";
import { BOTTOM, MapPlot, TOP } from "./map_plot";
import { rasterise, rasteriseBoth, type RasterCells } from "./raster";
import type { State } from "./state";
import { GUTTER } from "./timescale";

export interface Scene {
  recording: Recording;
  state: State;
  plot: MapPlot;
  cells: RasterCells;
  laidOver: RasterCells | null; // of the other recording, in this one's places
  isSecond: boolean; // B, over which A is laid
}

// What the reader is doing.
export interface Marks {
  drag: { from: Point; to: Point } | null;
  band: number; // chosen by keys; -1: none
}

export function drawMap(context: CanvasRenderingContext2D, scene: Scene): void {
  const { plot } = scene;
  plot.drawGrid(context, TOP, BOTTOM + 4, BOTTOM + 13);
  drawPhases(context, scene);
  context.save();
  context.beginPath();
  context.rect(GUTTER, TOP, plot.plotWidth, plot.plotHeight);
  context.clip();
  drawRegions(context, scene);
  drawTouched(context, scene);
  drawUntouched(context, scene);
  context.restore();
  drawBands(context, scene);
}

function drawPhases(context: CanvasRenderingContext2D, { recording, plot }: Scene): void {
  const colours = theme();
  context.textAlign = "left";
  context.textBaseline = "alphabetic";
  let lastEnd = GUTTER;
  for (const phase of recording.report.time.phases) {
    const x = plot.x(phase.start_ns);
    if (x < GUTTER - 1 || x > plot.wide) continue;
    context.strokeStyle = withAlpha(colours.dark ? "#ffffff" : "#000000", 0.28);
    context.setLineDash([2, 3]);
    context.beginPath();
    context.moveTo(x, 4);
    context.lineTo(x, BOTTOM);
    context.stroke();
    context.setLineDash([]);
    const text = phase.name.slice(0, 28);
    const wide = context.measureText(text).width;
    // Where there is no room to the right of its line, to the left.
    const at = x + 3 + wide > plot.wide ? x - 4 - wide : x + 3;
    if (at < lastEnd) continue;
    context.fillStyle = colours.dim;
    context.fillText(text, at, 13);
    lastEnd = at + wide + 6;
  }
}

function drawRegions(context: CanvasRenderingContext2D, { recording, state, plot }: Scene): void {
  const { dark } = theme();
  const { regions, owners } = recording.picture;
  const [from, to] = state.view;
  for (let i = 0; i < regions.rows; i++) {
    if (regions.from[i]! > to || regions.to[i]! < from) continue;
    const span = plot.axis.spanOf(regions.page[i]!, regions.page[i]! + regions.pages[i]!);
    if (!span || span[1] < plot.view[0] || span[0] > plot.view[1]) continue;
    const y0 = Math.max(plot.y(span[0]), TOP - 4);
    const y1 = Math.min(plot.y(span[1]), BOTTOM + 4);
    const x0 = Math.max(plot.x(regions.from[i]!), GUTTER - 4);
    const x1 = Math.min(plot.x(Math.min(regions.to[i]!, state.whole[1])), plot.wide);
    const colour = subsystemColour(owners[regions.owner[i]!]!.subsystem);
    const width = Math.max(x1 - x0, 0.5);
    if (regions.committed[i]) {
      context.fillStyle = withAlpha(colour, dark ? 0.3 : 0.22);
      context.fillRect(x0, y0, width, Math.max(y1 - y0, 0.6));
    } else if (y1 - y0 >= 3 && width >= 3) {
      context.fillStyle = withAlpha(colour, 0.05);
      context.fillRect(x0, y0, width, y1 - y0);
      context.strokeStyle = withAlpha(colour, 0.75);
      context.lineWidth = 1;
      context.strokeRect(x0 + 0.5, y0 + 0.5, width - 1, y1 - y0 - 1);
    } else {
      context.fillStyle = withAlpha(colour, 0.3);
      context.fillRect(x0, y0, width, Math.max(y1 - y0, 0.4) * 0.5);
    }
  }
}

function drawTouched(context: CanvasRenderingContext2D, { state, plot, cells, laidOver, isSecond }: Scene): void {
  const ratio = context.canvas.width / plot.wide;
  const width = Math.max(1, Math.round(plot.plotWidth * ratio));
  const height = Math.max(1, Math.round(plot.plotHeight * ratio));
  const view = { width, height, time: state.view, place: plot.view };
  const pixels = laidOver ? rasteriseBoth(isSecond ? laidOver : cells, isSecond ? cells : laidOver, view) : rasterise(cells, view);
  const layer = document.createElement("canvas");
  layer.width = width;
  layer.height = height;
  const image = new ImageData(width, height);
  image.data.set(pixels);
  layer.getContext("2d")!.putImageData(image, 0, 0);
  context.imageSmoothingEnabled = false;
  context.drawImage(layer, GUTTER, TOP, plot.plotWidth, plot.plotHeight);
}

// In words, where there is room: it is the point of the picture.
function drawUntouched(context: CanvasRenderingContext2D, { recording, plot }: Scene): void {
  if (recording.report.faults.count === null) return;
  const colours = theme();
  context.font = "italic 11px system-ui, sans-serif";
  context.textAlign = "right";
  context.textBaseline = "middle";
  context.fillStyle = colours.dim;
  for (const part of plot.axis.untouched()) {
    const y0 = Math.max(plot.y(part.from), TOP);
    const y1 = Math.min(plot.y(part.to), BOTTOM);
    if (y1 - y0 < 17) continue;
    context.fillText(`${bytes(part.bytes)} never touched`, plot.right - 12, (y0 + y1) / 2);
  }
}

function drawBands(context: CanvasRenderingContext2D, { plot }: Scene): void {
  const colours = theme();
  let free = -Infinity;
  context.textBaseline = "middle";
  let lastName = "";
  let lastY = -Infinity;
  for (const band of plot.axis.bands) {
    if (band.to < plot.view[0] || band.from > plot.view[1]) continue;
    const y0 = Math.max(plot.y(band.from), TOP);
    const y1 = Math.min(plot.y(band.to), BOTTOM);
    const colour = subsystemColour(band.subsystem);
    context.fillStyle = colour;
    context.fillRect(GUTTER - 6, y0, 4, Math.max(y1 - y0, 0.8));
    const middle = (y0 + y1) / 2;
    if (middle - 6 < free || (band.subsystem === lastName && middle - lastY < 26)) continue;
    context.font = "11px system-ui, sans-serif";
    context.textAlign = "right";
    context.fillStyle = colours.text;
    context.fillText(band.subsystem, GUTTER - 11, middle, GUTTER - 16);
    free = middle + 6;
    lastName = band.subsystem;
    lastY = middle;
    if (y1 - y0 > 27) {
      context.fillStyle = colours.dim;
      context.fillText(bytes((band.end - band.page) * 4096), GUTTER - 11, middle + 13, GUTTER - 16);
      free = middle + 19;
    }
  }
}

export function drawOver(context: CanvasRenderingContext2D, { state, plot }: Scene, { drag, band: chosen }: Marks): void {
  const colours = theme();
  const { moment, brush } = state;
  const x = Math.min(Math.max(plot.x(moment), GUTTER), plot.right);
  const { right } = plot;
  // What has not happened yet is veiled.
  context.fillStyle = withAlpha(colours.dark ? "#14171c" : "#ffffff", 0.82);
  if (moment < state.view[1]) context.fillRect(x, TOP, right - x, plot.plotHeight);
  if (brush) {
    const a = Math.max(plot.x(brush[0]), GUTTER);
    const b = Math.min(plot.x(brush[1]), right);
    context.fillStyle = withAlpha(colours.accent.startsWith("#") ? colours.accent : "#0072b2", 0.14);
    if (b > a) context.fillRect(a, TOP, b - a, plot.plotHeight);
  }
  context.strokeStyle = colours.text;
  context.lineWidth = 1.5;
  context.beginPath();
  context.moveTo(x, TOP - 4);
  context.lineTo(x, BOTTOM + 4);
  context.stroke();
  if (chosen >= 0) {
    const band = plot.axis.bands[chosen];
    if (band) {
      context.strokeStyle = colours.accent;
      context.lineWidth = 2;
      context.strokeRect(GUTTER, plot.y(band.from), plot.plotWidth, Math.max(plot.y(band.to) - plot.y(band.from), 2));
    }
  }
  if (drag) {
    context.strokeStyle = colours.accent;
    context.setLineDash([4, 3]);
    context.strokeRect(drag.from.x, drag.from.y, drag.to.x - drag.from.x, drag.to.y - drag.from.y);
    context.setLineDash([]);
  }
}
