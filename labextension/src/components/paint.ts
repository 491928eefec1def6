// A timeline on a canvas: with labels and rounded bars where there are few, as pixels where there are thousands.

import { STATUSES } from "./columns";
import { SIGNS } from "./icons";
import { type Scene, type Tone, toneOf } from "./scene";
import { ticks } from "./timescale";
import { oneLine } from "./untrusted";
import { duration, percent } from "./words";

export interface Theme {
  tone: Record<Tone, string>;
  soft: Record<Tone, string>;
  text: string;
  muted: string;
  line: string;
  ground: string;
  idle: string;
  selected: string;
  font: string;
}

/** What part is seen: places in drawn milliseconds, sizes in CSS pixels. */
export interface Frame {
  from: number;
  to: number;
  width: number;
  height: number;
  gutter: number;
  axis: number;
  laneHeight: number;
  scrollTop: number;
  /** Rows of shown steps. */
  selected: number;
  hovered: number;
}

export interface Names {
  stepId(index: number): string;
  groupName(name: number): string;
}

export const PIXELS_FROM = 3_000;
const TONES: Tone[] = ["ok", "run", "wait", "fail", "off"];

/** Reads the colours that the style sheet and the host's theme give. */
export function readTheme(element: Element): Theme {
  const style = getComputedStyle(element);
  const read = (name: string) => style.getPropertyValue(`--jwl-${name}`).trim() || "#888";
  const all = (suffix: string) => Object.fromEntries(TONES.map(tone => [tone, read(tone + suffix)])) as Theme["tone"];
  const grounds = ["text", "muted", "line", "ground", "idle", "selected"].map(name => [name, read(name)]);
  return {
    ...(Object.fromEntries(grounds) as Omit<Theme, "tone" | "soft" | "font">),
    tone: all(""),
    soft: all("-soft"),
    font: style.fontFamily || "sans-serif",
  };
}

type Pen = CanvasRenderingContext2D;

export function paint(pen: Pen, scene: Scene, frame: Frame, theme: Theme, names: Names): void {
  const plot = frame.width - frame.gutter;
  const perMs = plot / Math.max(frame.to - frame.from, 1e-9);
  const x = (place: number) => frame.gutter + (place - frame.from) * perMs;
  pen.clearRect(0, 0, frame.width, frame.height);
  pen.textBaseline = "middle";
  highlight(pen, frame, theme, scene);
  folds(pen, scene, frame, theme, x);
  axis(pen, scene, frame, theme, x, perMs);
  pen.save();
  pen.beginPath();
  pen.rect(frame.gutter, frame.axis, plot, frame.height - frame.axis);
  pen.clip();
  if (scene.shown.length > PIXELS_FROM) pixels(pen, scene, frame, theme, perMs);
  else bars(pen, scene, frame, theme, x);
  pen.restore();
  labels(pen, scene, frame, theme, names);
}

function highlight(pen: Pen, frame: Frame, theme: Theme, scene: Scene): void {
  for (const row of [frame.hovered, frame.selected]) {
    if (row < 0 || !scene.layout.rows) continue;
    pen.globalAlpha = row === frame.selected ? 1 : 0.5;
    pen.fillStyle = theme.selected;
    pen.fillRect(0, laneTop(frame, scene.layout.lane[row]!), frame.width, frame.laneHeight);
  }
  pen.globalAlpha = 1;
}

function laneTop(frame: Frame, lane: number): number {
  return frame.axis + lane * frame.laneHeight - frame.scrollTop;
}

function folds(pen: Pen, scene: Scene, frame: Frame, theme: Theme, x: (place: number) => number): void {
  pen.fillStyle = theme.idle;
  pen.globalAlpha = 0.35;
  for (const fold of scene.scale.folds) {
    const left = Math.max(x(fold.left), frame.gutter);
    const right = Math.min(x(fold.left + fold.width), frame.width);
    if (right > left) pen.fillRect(left, frame.axis, right - left, frame.height - frame.axis);
  }
  pen.globalAlpha = 1;
}

function axis(pen: Pen, scene: Scene, frame: Frame, theme: Theme, x: (place: number) => number, perMs: number): void {
  pen.font = `11px ${theme.font}`;
  let reached = -Infinity;
  for (const tick of ticks(scene.scale, frame.from, frame.to, 84 / perMs)) {
    const at = x(tick.place);
    const width = pen.measureText(tick.label).width;
    const left = Math.min(Math.max(at - width / 2, frame.gutter), frame.width - width - 2);
    if (left < reached + 10) continue;
    reached = left + width;
    pen.fillStyle = theme.muted;
    pen.fillText(tick.label, left, frame.axis / 2);
    if (tick.label.startsWith("⋯")) continue;
    pen.fillStyle = theme.line;
    pen.fillRect(Math.round(at), frame.axis, 1, frame.height - frame.axis);
  }
}

/** First and last lane in sight. */
function lanesInSight(frame: Frame): [number, number] {
  const first = Math.floor(frame.scrollTop / frame.laneHeight);
  return [first, first + Math.ceil((frame.height - frame.axis) / frame.laneHeight)];
}

function bars(pen: Pen, scene: Scene, frame: Frame, theme: Theme, x: (place: number) => number): void {
  const [first, last] = lanesInSight(frame);
  pen.font = `11px ${theme.font}`;
  for (const row of scene.order) {
    const lane = scene.layout.lane[row]!;
    const left = scene.left[row]!;
    const right = scene.right[row]!;
    if (lane < first || lane > last || right < frame.from || left > frame.to) continue;
    bar(pen, scene, row, frame, theme, x);
  }
}

function bar(pen: Pen, scene: Scene, row: number, frame: Frame, theme: Theme, x: (place: number) => number): void {
  const index = scene.shown[row]!;
  const tone = toneOf(scene.steps.status[index]!);
  const top = laneTop(frame, scene.layout.lane[row]!);
  const height = frame.laneHeight;
  const [left, right] = [x(scene.left[row]!), x(scene.right[row]!)];
  const kind = scene.steps.kindOf(index);
  if (kind === "signal") return dot(pen, left, top + height / 2, Math.min(4, height / 2), theme.tone[tone]);
  if (scene.isHeld(row)) held(pen, left, Math.max(right, left + 2), top, height, theme.tone[tone], theme.soft[tone]);
  else work(pen, scene, row, [left, right], top, height, theme, x);
  if (frame.selected === row) outline(pen, left, right, top, height, theme.text);
  if (scene.layout.rows) took(pen, scene, row, right, top + height / 2, frame, theme);
}

function dot(pen: Pen, x: number, y: number, radius: number, color: string): void {
  pen.fillStyle = color;
  pen.beginPath();
  pen.arc(x, y, radius, 0, Math.PI * 2);
  pen.fill();
}

/** A wait: for a person or a moment. */
function held(pen: Pen, left: number, right: number, top: number, height: number, line: string, fill: string): void {
  const thick = Math.max(3, height * 0.36);
  rounded(pen, left + 0.5, top + (height - thick) / 2, right - left - 1, thick, 3);
  pen.fillStyle = fill;
  pen.fill();
  pen.strokeStyle = line;
  pen.lineWidth = 1;
  pen.stroke();
}

/** Time in the queue is thin, earlier attempts are red, the newest attempt is thick. */
function work(
  pen: Pen,
  scene: Scene,
  row: number,
  [left, right]: [number, number],
  top: number,
  height: number,
  theme: Theme,
  x: (place: number) => number,
): void {
  const index = scene.shown[row]!;
  const color = theme.tone[toneOf(scene.steps.status[index]!)];
  const middle = top + height / 2;
  const spans = scene.steps.attempts.get(index) ?? [];
  const lastStart = spans.length ? spans.at(-1)!.started : NaN;
  const begunPlace = Number.isNaN(lastStart) ? scene.begun[row]! : scene.scale.place(lastStart);
  const begun = Number.isNaN(begunPlace) ? right : Math.max(left, x(begunPlace));
  const tried = scene.steps.attempt[index]! > 1;
  pen.fillStyle = tried ? theme.tone.fail : color;
  pen.globalAlpha = tried ? 0.45 : 0.35;
  if (begun - left > 0.5) pen.fillRect(left, middle - 1, begun - left, 2);
  pen.globalAlpha = 1;
  for (const span of spans.slice(0, -1)) {
    if (Number.isNaN(span.started)) continue;
    const from = x(scene.scale.place(span.started));
    const to = Number.isNaN(span.finished) ? from + 4 : x(scene.scale.place(span.finished));
    pen.fillStyle = theme.tone.fail;
    pen.fillRect(from, middle - height * 0.2, Math.max(to - from, 3), height * 0.4);
  }
  if (Number.isNaN(begunPlace)) return;
  const thick = Math.max(2, Math.min(height - 3, height * 0.62));
  const length = Math.max(right - begun, 2);
  const share = scene.steps.shareOf(index);
  pen.fillStyle = color;
  rounded(pen, begun, middle - thick / 2, length, thick, Math.min(3, thick / 2));
  if (Number.isNaN(share)) return pen.fill();
  progress(pen, begun, middle - thick / 2, length, thick, share);
}

/** Fills the shape at hand as far as the work is done, and lightly beyond. */
function progress(pen: Pen, left: number, top: number, length: number, thick: number, share: number): void {
  pen.save();
  pen.clip();
  pen.globalAlpha = 0.4;
  pen.fillRect(left, top, length, thick);
  pen.globalAlpha = 1;
  pen.fillRect(left, top, length * share, thick);
  pen.restore();
}

function rounded(pen: Pen, x: number, y: number, width: number, height: number, radius: number): void {
  pen.beginPath();
  pen.roundRect(x, y, width, height, Math.min(radius, width / 2));
}

function outline(pen: Pen, left: number, right: number, top: number, height: number, color: string): void {
  pen.strokeStyle = color;
  pen.lineWidth = 1.5;
  pen.strokeRect(left - 2, top + 1, Math.max(right - left, 2) + 4, height - 2);
}

/** How long a step took, beside its bar. */
function took(pen: Pen, scene: Scene, row: number, right: number, middle: number, frame: Frame, theme: Theme): void {
  const index = scene.shown[row]!;
  if (scene.steps.kindOf(index) === "signal") return;
  const open = scene.steps.isOpen(index);
  const ms = (open ? scene.now : scene.steps.finished[index]!) - scene.steps.scheduled[index]!;
  const tries = scene.steps.attempt[index]! > 1 ? `${scene.steps.attempt[index]} attempts · ` : "";
  const share = scene.steps.shareOf(index);
  const done = Number.isNaN(share) ? "" : `${percent(share)} · `;
  const text = `${tries}${done}${duration(ms)}${open ? "…" : ""}`;
  const width = pen.measureText(text).width;
  const outside = right + 6 + width < frame.width;
  pen.fillStyle = theme.ground;
  if (!outside) {
    pen.globalAlpha = 0.8;
    rounded(pen, frame.width - width - 10, middle - 8, width + 8, 16, 4);
    pen.fill();
    pen.globalAlpha = 1;
  }
  pen.fillStyle = open ? theme.muted : theme.text;
  pen.fillText(text, outside ? right + 6 : frame.width - width - 6, middle + 0.5);
}

/** Names beside the lanes, with the sign of the status where a lane is one step. */
function labels(pen: Pen, scene: Scene, frame: Frame, theme: Theme, names: Names): void {
  const [first, last] = lanesInSight(frame);
  pen.save();
  pen.beginPath();
  pen.rect(0, frame.axis, frame.gutter - 6, frame.height - frame.axis);
  pen.clip();
  pen.font = `12px ${theme.font}`;
  if (scene.layout.rows) {
    for (let row = first; row <= last && row < scene.shown.length; row++)
      rowLabel(pen, scene, row, frame, theme, names);
  } else {
    let reached = -Infinity;
    for (const group of scene.layout.groups) {
      const middle = laneTop(frame, group.lane) + (group.lanes * frame.laneHeight) / 2;
      if (middle < reached + 13 || middle < frame.axis + 5) continue;
      reached = middle;
      pen.fillStyle = theme.text;
      pen.fillText(fitted(pen, names.groupName(group.name), frame.gutter - 20), 10, middle);
    }
  }
  pen.restore();
}

function rowLabel(pen: Pen, scene: Scene, row: number, frame: Frame, theme: Theme, names: Names): void {
  const index = scene.shown[row]!;
  const middle = laneTop(frame, row) + frame.laneHeight / 2;
  sign(pen, STATUSES[scene.steps.status[index]!] ?? "scheduled", 10, middle - 7, theme);
  const id = oneLine(names.stepId(index), 80);
  const dash = id.lastIndexOf("-");
  const [name, number] = dash > 0 ? [id.slice(0, dash), id.slice(dash)] : [id, ""];
  pen.fillStyle = theme.text;
  const shown = fitted(pen, name, frame.gutter - 46 - pen.measureText(number).width);
  pen.fillText(shown, 30, middle + 0.5);
  const after = 30 + pen.measureText(shown).width;
  pen.fillStyle = theme.muted;
  pen.fillText(number, after, middle + 0.5);
}

function sign(pen: Pen, status: keyof typeof SIGNS, x: number, y: number, theme: Theme): void {
  const { tone, path, filled } = SIGNS[status];
  pen.save();
  pen.translate(x, y);
  pen.scale(0.875, 0.875);
  pen.fillStyle = pen.strokeStyle = theme.tone[tone];
  pen.lineWidth = 2;
  pen.lineCap = pen.lineJoin = "round";
  if (filled) pen.fill(new Path2D(path));
  else pen.stroke(new Path2D(path));
  pen.restore();
}

/** The text, cut to a width. */
function fitted(pen: Pen, text: string, width: number): string {
  if (pen.measureText(text).width <= width) return text;
  let [low, high] = [0, text.length];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (pen.measureText(`${text.slice(0, middle)}…`).width <= width) low = middle;
    else high = middle - 1;
  }
  return `${text.slice(0, low)}…`;
}

let image: ImageData | null = null;

/** Thousands of steps: one image, a run of pixels for each, repeated over the height of its lane. */
function pixels(pen: Pen, scene: Scene, frame: Frame, theme: Theme, perMs: number): void {
  const ratio = pen.getTransform().a;
  const width = Math.round((frame.width - frame.gutter) * ratio);
  const height = Math.round((frame.height - frame.axis) * ratio);
  if (width < 1 || height < 1) return;
  if (!image || image.width !== width || image.height !== height) image = pen.createImageData(width, height);
  const words = new Uint32Array(image.data.buffer);
  words.fill(0);
  const color = Object.fromEntries(TONES.map(tone => [tone, packed(pen, theme.tone[tone])])) as Record<Tone, number>;
  const tops = spans(words, scene, frame, color, perMs * ratio, width, height, ratio);
  const thick = Math.max(1, Math.floor(frame.laneHeight * ratio) - (frame.laneHeight * ratio > 3 ? 1 : 0));
  for (const top of tops) {
    for (let line = 1; line < thick && top + line < height; line++)
      words.copyWithin((top + line) * width, top * width, (top + 1) * width);
  }
  // An image ignores the clip and what is below it: where it has no step, the grid must show through.
  const layer = scratch(width, height);
  layer.putImageData(image, 0, 0);
  pen.drawImage(layer.canvas, frame.gutter, frame.axis, width / ratio, height / ratio);
}

/** Draws each step on the first pixel row of its lane; gives the rows used. */
function spans(
  words: Uint32Array,
  scene: Scene,
  frame: Frame,
  color: Record<Tone, number>,
  perMs: number,
  width: number,
  height: number,
  ratio: number,
): Set<number> {
  const tops = new Set<number>();
  const { lane } = scene.layout;
  const faded = Object.fromEntries(TONES.map(tone => [tone, (color[tone] & 0xffffff) | 0x60000000])) as typeof color;
  for (const row of scene.order) {
    const right = scene.right[row]!;
    const left = scene.left[row]!;
    if (right < frame.from || left > frame.to) continue;
    const top = Math.round((lane[row]! * frame.laneHeight - frame.scrollTop) * ratio);
    if (top < 0 || top >= height) continue;
    tops.add(top);
    const tone = toneOf(scene.steps.status[scene.shown[row]!]!);
    const begun = scene.begun[row]!;
    const from = Math.max(0, Math.round((left - frame.from) * perMs));
    const to = Math.min(width, Math.max(from + 1, Math.round((right - frame.from) * perMs)));
    const work = begun !== begun ? to : Math.min(to - 1, Math.max(from, Math.round((begun - frame.from) * perMs)));
    if (work > from) words.fill(faded[tone] >>> 0, top * width + from, top * width + work);
    if (to > work) words.fill(color[tone], top * width + work, top * width + to);
  }
  return tops;
}

let layer: CanvasRenderingContext2D | null = null;

function scratch(width: number, height: number): CanvasRenderingContext2D {
  layer ??= document.createElement("canvas").getContext("2d")!;
  if (layer.canvas.width !== width || layer.canvas.height !== height) {
    layer.canvas.width = width;
    layer.canvas.height = height;
  }
  return layer;
}

/** A CSS colour as a little-endian pixel. */
function packed(pen: Pen, css: string): number {
  pen.fillStyle = "#888";
  pen.fillStyle = css;
  const text = pen.fillStyle;
  if (!text.startsWith("#")) {
    const [red = 136, green = 136, blue = 136] = (text.match(/[\d.]+/g) ?? []).map(Number);
    return ((0xff << 24) | (blue << 16) | (green << 8) | red) >>> 0;
  }
  const [red, green, blue] = [1, 3, 5].map(at => parseInt(text.slice(at, at + 2), 16)) as [number, number, number];
  return ((0xff << 24) | (blue << 16) | (green << 8) | red) >>> 0;
}
