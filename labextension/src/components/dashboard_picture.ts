// A dashboard as a PNG: the same charts, painted on a canvas in the page's own colours.

import type { Dashboard } from "../schema";
import { type Chart, type Ink, type Mark } from "./charts";
import { oneLine } from "./untrusted";
import { moment, time } from "./words";

const WIDTH = 1_100;
const MARGIN = 24;
const GAP = 28;
const SCALE = 2;

type Draw = (dashboard: Dashboard, width: number) => Chart;
type Pen = CanvasRenderingContext2D;

function inksOf(element: Element): (ink: Ink | "ground") => string {
  const style = getComputedStyle(element);
  return ink => style.getPropertyValue(`--jwl-${ink}`).trim() || "#888";
}

function paintMark(pen: Pen, mark: Mark, colour: (ink: Ink) => string): void {
  pen.fillStyle = pen.strokeStyle = colour(mark.ink);
  if (mark.kind === "bar") pen.fillRect(mark.x, mark.y, mark.width, mark.height);
  else if (mark.kind === "text") {
    pen.textAlign = mark.anchor === "middle" ? "center" : mark.anchor;
    pen.fillText(mark.text, mark.x, mark.y);
  } else {
    pen.beginPath();
    if (mark.kind === "dot") pen.arc(mark.x, mark.y, mark.radius, 0, 2 * Math.PI);
    else mark.points.forEach(([x, y], index) => (index ? pen.lineTo(x, y) : pen.moveTo(x, y)));
    pen.setLineDash(mark.kind === "line" && mark.dashed ? [5, 4] : []);
    if (mark.kind === "dot") pen.fill();
    else pen.stroke();
  }
}

function paintLegend(pen: Pen, chart: Chart, width: number, font: string, colour: (ink: Ink) => string): number {
  let [x, y] = [0, 0];
  pen.font = font;
  pen.textAlign = "start";
  for (const { ink, words } of chart.legend) {
    const wide = 16 + pen.measureText(words).width;
    if (x > 0 && x + wide > width) [x, y] = [0, y + 18];
    pen.fillStyle = colour(ink);
    pen.fillRect(x, y + 2, 10, 10);
    pen.fillStyle = colour("muted");
    pen.fillText(words, x + 14, y + 11);
    x += wide + 12;
  }
  return y + 24;
}

function paintHead(pen: Pen, dashboard: Dashboard, family: string, colour: (ink: Ink) => string): number {
  pen.fillStyle = colour("text");
  pen.font = `600 20px ${family}`;
  pen.textAlign = "start";
  pen.fillText(`How runs do · ${moment(time(dashboard.at)).slice(0, 16)}`, MARGIN, MARGIN + 18);
  pen.font = `14px ${family}`;
  dashboard.headlines.forEach(({ text }, index) => {
    pen.fillText(`•  ${oneLine(text, 150)}`, MARGIN, MARGIN + 46 + 21 * index);
  });
  return MARGIN + 46 + 21 * dashboard.headlines.length + 12;
}

/** Paints a dashboard; `like` is an element that has its colours and font. */
export async function pictureOf(dashboard: Dashboard, charts: [string, Draw][], like: Element): Promise<Blob> {
  const colour = inksOf(like);
  const family = getComputedStyle(like).fontFamily || "sans-serif";
  const wide = (WIDTH - 2 * MARGIN - GAP) / 2;
  const drawn = charts.map(([title, draw]) => ({ title, chart: draw(dashboard, wide) }));
  const rows = Array.from({ length: Math.ceil(drawn.length / 2) }, (_, row) => drawn.slice(2 * row, 2 * row + 2));
  const tallest = (row: typeof drawn) => Math.max(...row.map(({ chart }) => chart.height)) + 26 + 44 + GAP;
  const canvas = document.createElement("canvas");
  const head = MARGIN + 46 + 21 * dashboard.headlines.length + 12;
  canvas.width = WIDTH * SCALE;
  canvas.height = (head + rows.reduce((sum, row) => sum + tallest(row), 0)) * SCALE;
  const pen = canvas.getContext("2d")!;
  pen.scale(SCALE, SCALE);
  pen.fillStyle = colour("ground");
  pen.fillRect(0, 0, canvas.width, canvas.height);
  let top = paintHead(pen, dashboard, family, colour);
  for (const row of rows) {
    row.forEach(({ title, chart }, column) => {
      pen.save();
      pen.translate(MARGIN + column * (wide + GAP), top);
      pen.fillStyle = colour("text");
      pen.font = `600 14px ${family}`;
      pen.textAlign = "start";
      pen.fillText(title, 0, 14);
      pen.translate(0, 26);
      pen.translate(0, paintLegend(pen, chart, wide, `12px ${family}`, colour));
      pen.font = `12px ${family}`;
      for (const mark of chart.marks) paintMark(pen, mark, colour);
      pen.restore();
    });
    top += tallest(row);
  }
  return new Promise((resolve, reject) =>
    canvas.toBlob(
      blob => (blob ? resolve(blob) : reject(new Error("The page could not make a picture."))),
      "image/png",
    ),
  );
}
