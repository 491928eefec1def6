// What a timeline draws: which steps, in which lane, from where to where.

import { KINDS, STATUSES, type StepColumns } from "./columns";
import { type Timescale, timescale } from "./timescale";

export const ROWS_AT_MOST = 200;
const LANES_PER_NAME = 24;
const TONES = ["off", "run", "wait", "wait", "ok", "fail", "fail", "off", "ok", "fail"] as const;
export type Tone = (typeof TONES)[number];
/** Later ones are drawn over earlier ones where they share a pixel. */
const LAYERS: Tone[] = ["off", "ok", "run", "wait", "fail"];
const HELD = new Set([KINDS.indexOf("approval"), KINDS.indexOf("timer"), KINDS.indexOf("signal")]);

export function toneOf(status: number): Tone {
  return TONES[status] ?? "off";
}

export type StatusFilter = "all" | "open" | "failed" | "waiting" | "retried";

export interface Filter {
  search: string;
  status: StatusFilter;
}

/** Whether a step passes the filter. */
function passes(steps: StepColumns, index: number, status: StatusFilter): boolean {
  const word = STATUSES[steps.status[index]!];
  if (status === "open") return steps.isOpen(index);
  if (status === "failed") return word === "failed" || word === "timed_out" || word === "rejected";
  if (status === "waiting") return word === "waiting";
  return status !== "retried" || steps.attempt[index]! > 1;
}

/** The indexes of the steps that pass, in the order they were scheduled. */
export function filtered(steps: StepColumns, filter: Filter, idOf: (index: number) => string): Uint32Array {
  const wanted = filter.search.trim().toLowerCase();
  const found = new Uint32Array(steps.size);
  let size = 0;
  for (let index = 0; index < steps.size; index++) {
    if (filter.status !== "all" && !passes(steps, index, filter.status)) continue;
    if (wanted && !idOf(index).toLowerCase().includes(wanted)) continue;
    found[size++] = index;
  }
  return found.subarray(0, size);
}

/** A label beside the lanes: of one step, or of all steps with a name. */
export interface Group {
  name: number;
  lane: number;
  lanes: number;
}

export interface Layout {
  /** Lane of the n-th shown step. */
  lane: Uint32Array;
  lanes: number;
  /** Whether each step has a lane of its own. */
  rows: boolean;
  groups: Group[];
}

/** Steps in lanes: a few have one each; of many, those with one name share as few as keep them apart. */
export function layout(steps: StepColumns, shown: Uint32Array, now: number): Layout {
  if (shown.length <= ROWS_AT_MOST)
    return { lane: Uint32Array.from(shown, (_, row) => row), lanes: shown.length, rows: true, groups: [] };
  const ends = new Map<number, number[]>();
  const local = new Uint32Array(shown.length);
  for (let row = 0; row < shown.length; row++) {
    const index = shown[row]!;
    const name = steps.name[index]!;
    const lanes = ends.get(name) ?? [];
    ends.set(name, lanes);
    const left = steps.scheduled[index]!;
    let lane = lanes.findIndex(end => end <= left);
    if (lane < 0) lane = lanes.length < LANES_PER_NAME ? lanes.length : lanes.indexOf(Math.min(...lanes));
    lanes[lane] = Number.isNaN(steps.finished[index]!) ? now : steps.finished[index]!;
    local[row] = lane;
  }
  const groups: Group[] = [];
  const first = new Map<number, number>();
  let lanes = 0;
  for (const [name, used] of ends) {
    groups.push({ name, lane: lanes, lanes: used.length });
    first.set(name, lanes);
    lanes += used.length;
  }
  return { lane: local.map((lane, row) => lane + first.get(steps.name[shown[row]!]!)!), lanes, rows: false, groups };
}

/** All that is drawn, in drawn milliseconds; computed anew when steps, filter or the clock change. */
export class Scene {
  readonly scale: Timescale;
  /** Per shown step: scheduled, begun (NaN: not yet), ended or now. */
  readonly left: Float64Array;
  readonly begun: Float64Array;
  readonly right: Float64Array;
  /** Rows of the shown steps, those on top last. */
  readonly order: Uint32Array;

  constructor(
    readonly steps: StepColumns,
    readonly shown: Uint32Array,
    readonly layout: Layout,
    start: number,
    readonly now: number,
  ) {
    const scale = (this.scale = timescale(steps, start, now));
    const size = shown.length;
    this.left = new Float64Array(size);
    this.begun = new Float64Array(size);
    this.right = new Float64Array(size);
    const layers: number[][] = LAYERS.map(() => []);
    for (let row = 0; row < size; row++) {
      const index = shown[row]!;
      const finished = steps.finished[index]!;
      this.left[row] = scale.place(steps.scheduled[index]!);
      this.begun[row] = this.isHeld(row) ? this.left[row]! : scale.place(steps.started[index]!);
      this.right[row] = scale.place(Number.isNaN(finished) ? now : finished);
      layers[LAYERS.indexOf(toneOf(steps.status[index]!))]!.push(row);
    }
    this.order = Uint32Array.from(layers.flat());
  }

  /** Whether the step is a wait, not work. */
  isHeld(row: number): boolean {
    return HELD.has(this.steps.kind[this.shown[row]!]!);
  }

  /** The topmost shown step at a place in a lane, within a tolerance; -1 for none. */
  at(lane: number, place: number, tolerance: number): number {
    if (this.layout.rows) return lane < this.shown.length ? lane : -1;
    for (let at = this.order.length - 1; at >= 0; at--) {
      const row = this.order[at]!;
      if (this.layout.lane[row] !== lane) continue;
      if (place >= this.left[row]! - tolerance && place <= this.right[row]! + tolerance) return row;
    }
    return -1;
  }
}
