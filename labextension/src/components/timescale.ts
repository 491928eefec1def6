// Time on a line, with long idle stretches folded: a three-day wait must not hide three seconds of work.
// The rules are those of `jupyter_workflows/runs/timescale.py`.

import { KINDS, type StepColumns } from "./columns";
import { coarse, duration } from "./words";

const FOLD_SHARE = 0.5;
const FOLD_AT_LEAST_MS = 3_000;
const FOLDED_SHARE = 0.09;
const FOLDS_AT_MOST_SHARE = 0.45;
const FOLDS = 5;
const ACTIVITY = KINDS.indexOf("activity");
const CHILD = KINDS.indexOf("child");

/** An idle stretch drawn shorter than it was; positions are in drawn milliseconds. */
export interface Fold {
  left: number;
  width: number;
  ms: number;
}

/** Moments become drawn milliseconds: real ones where something works, few where nothing does. */
export class Timescale {
  constructor(
    readonly start: number,
    readonly end: number,
    private readonly moments: number[],
    private readonly places: number[],
    readonly folds: Fold[],
  ) {}

  /** The length of the whole line. */
  get total(): number {
    return this.places.at(-1)!;
  }

  /** Where a moment is; the ends for moments outside, NaN for NaN. */
  place(moment: number): number {
    return this.between(Math.min(Math.max(moment - this.start, 0), this.end - this.start), this.moments, this.places);
  }

  /** Milliseconds after the start at a place. */
  after(place: number): number {
    return this.between(Math.min(Math.max(place, 0), this.total), this.places, this.moments);
  }

  private between(at: number, from: number[], to: number[]): number {
    let index = 0;
    while (index < from.length - 2 && from[index + 1]! <= at) index++;
    const span = from[index + 1]! - from[index]!;
    const share = span ? (at - from[index]!) / span : 0;
    return to[index]! + share * (to[index + 1]! - to[index]!);
  }
}

type Interval = [number, number];

/** The stretches in which something works, in order; the ends of waits count as moments of work. */
function workIntervals(steps: StepColumns, start: number, end: number): Interval[] {
  const found: Interval[] = [];
  let sorted = true;
  for (let index = 0; index < steps.size; index++) {
    const left = Math.max(steps.scheduled[index]! - start, 0);
    const finished = steps.finished[index]!;
    const kind = steps.kind[index]!;
    const right = Number.isNaN(finished) ? end - start : finished - start;
    if (found.length && found.at(-1)![0] > left) sorted = false;
    if (kind === ACTIVITY || kind === CHILD) found.push([left, right]);
    else {
      found.push([left, left]);
      if (!Number.isNaN(finished)) {
        found.push([right, right]);
        sorted = false;
      }
    }
  }
  return sorted ? found : found.sort((one, other) => one[0] - other[0]);
}

function idleGaps(intervals: Interval[], total: number): Interval[] {
  const gaps: Interval[] = [];
  let reached = 0;
  for (const [left, right] of intervals) {
    if (left > reached) gaps.push([reached, left]);
    reached = Math.max(reached, right);
  }
  if (reached < total) gaps.push([reached, total]);
  return gaps;
}

/** The scale for the steps of a run between two moments. */
export function timescale(steps: StepColumns, start: number, end: number): Timescale {
  const total = Math.max(end - start, 1);
  const gaps = idleGaps(workIntervals(steps, start, end), total);
  const idle = gaps.reduce((sum, [left, right]) => sum + right - left, 0);
  const work = Math.max(total - idle, total * 0.001);
  const folded = gaps
    .filter(([left, right]) => right - left > Math.max(FOLD_SHARE * work, FOLD_AT_LEAST_MS))
    .sort((one, other) => other[1] - other[0] - (one[1] - one[0]))
    .slice(0, FOLDS)
    .sort((one, other) => one[0] - other[0]);
  const drawn = Math.max(
    folded.reduce((sum, [left, right]) => sum - (right - left), total),
    total * 1e-6,
  );
  const share = folded.length ? Math.min(FOLDED_SHARE, FOLDS_AT_MOST_SHARE / folded.length) : 0;
  const width = (share * drawn) / (1 - share * folded.length);
  const [moments, places, folds] = [[0], [0], [] as Fold[]];
  for (const [left, right] of folded) {
    const at = places.at(-1)! + left - moments.at(-1)!;
    folds.push({ left: at, width, ms: right - left });
    moments.push(left, right);
    places.push(at, at + width);
  }
  places.push(places.at(-1)! + total - moments.at(-1)!);
  moments.push(total);
  return new Timescale(start, start + total, moments, places, folds);
}

const NICE = [
  1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 15e3, 3e4, 6e4, 12e4, 3e5, 6e5, 9e5, 18e5, 36e5, 72e5, 216e5,
  432e5, 864e5,
];

/** Places and labels under the line between two places, at most about one for each `ms` of drawn length. */
export function ticks(scale: Timescale, from: number, to: number, spacing: number): { place: number; label: string }[] {
  const step = NICE.find(nice => nice >= spacing) ?? Math.ceil(spacing / 864e5) * 864e5;
  const found: { place: number; label: string }[] = [];
  const inFold = (place: number) =>
    scale.folds.some(fold => place > fold.left - spacing / 2 && place < fold.left + fold.width + spacing / 2);
  for (const fold of scale.folds) {
    const place = fold.left + fold.width / 2;
    if (place > from && place < to) found.push({ place, label: `⋯ ${coarse(fold.ms)} ⋯` });
  }
  let last = -Infinity;
  for (let at = from; at <= to; at += step / 4) {
    const ms = Math.round(scale.after(at) / step) * step;
    const place = scale.place(scale.start + ms);
    if (place < from || place > to || place - last < spacing * 0.75 || inFold(place)) continue;
    last = place;
    found.push({ place, label: ms ? duration(ms) : "0" });
  }
  return found.sort((one, other) => one.place - other.place);
}
