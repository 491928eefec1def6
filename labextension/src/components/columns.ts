// Steps as columns of numbers; the layout is that of `jupyter_workflows/live/columns.py`.

import type { Step } from "../schema";

export const KINDS = ["activity", "approval", "timer", "child", "signal"] as const;
export const STATUSES = [
  "scheduled",
  "running",
  "retrying",
  "waiting",
  "completed",
  "failed",
  "timed_out",
  "cancelled",
  "approved",
  "rejected",
] as const;
export type ShownStatus = (typeof STATUSES)[number];
export const NO_NUMBER = 0xffffffff;
const NO_PROGRESS = 0xff;
const STEP_BYTES = 45;
const ATTEMPT_BYTES = 23;

/** An attempt of a step that was tried more than once; NaN where history does not tell. */
export interface AttemptSpan {
  number: number;
  status: ShownStatus;
  started: number;
  finished: number;
}

/** A numeric column that grows. */
type Column = Float64Array | Uint32Array | Uint16Array | Uint8Array;

function grown<C extends Column>(column: C, size: number): C {
  if (column.length >= size) return column;
  const larger = new (column.constructor as new (length: number) => C)(Math.max(size, column.length * 2, 64));
  larger.set(column);
  return larger;
}

/** Reads one column after the other out of a buffer, wherever in memory it starts. */
class Reader {
  private at = 0;

  constructor(
    private readonly view: DataView,
    private readonly length: number,
  ) {}

  private bytes(width: number): ArrayBuffer {
    const start = this.view.byteOffset + this.at;
    this.at += width * this.length;
    return this.view.buffer.slice(start, start + width * this.length) as ArrayBuffer;
  }

  doubles = (): Float64Array => new Float64Array(this.bytes(8));
  words = (): Uint32Array => new Uint32Array(this.bytes(4));
  halves = (): Uint16Array => new Uint16Array(this.bytes(2));
  octets = (): Uint8Array => new Uint8Array(this.bytes(1));
}

function rowsIn(view: DataView, bytes: number): number {
  if (view.byteLength % bytes) throw new RangeError(`a buffer of ${view.byteLength} bytes holds no rows of ${bytes}`);
  return view.byteLength / bytes;
}

/** All steps of a run; milliseconds since 1970, NaN where there is none. */
export class StepColumns {
  size = 0;
  scheduled: Float64Array = new Float64Array(0);
  started: Float64Array = new Float64Array(0);
  finished: Float64Array = new Float64Array(0);
  due: Float64Array = new Float64Array(0);
  name: Uint32Array = new Uint32Array(0);
  number: Uint32Array = new Uint32Array(0);
  attempt: Uint16Array = new Uint16Array(0);
  kind: Uint8Array = new Uint8Array(0);
  status: Uint8Array = new Uint8Array(0);
  progress: Uint8Array = new Uint8Array(0);
  readonly attempts = new Map<number, AttemptSpan[]>();

  /** Replaces all steps. */
  replace(steps: DataView, attempts: DataView): void {
    this.size = 0;
    this.attempts.clear();
    const count = rowsIn(steps, STEP_BYTES);
    this.put(steps, count, null);
    this.readAttempts(attempts);
  }

  /** Replaces or appends the steps at these indexes. */
  change(steps: DataView, attempts: DataView, indexes: DataView): void {
    const count = rowsIn(steps, STEP_BYTES);
    const places = new Reader(indexes, rowsIn(indexes, 4)).words();
    if (places.length !== count) throw new RangeError("steps and indexes differ in number");
    this.put(steps, count, places);
    for (const place of places) this.attempts.delete(place);
    this.readAttempts(attempts);
  }

  private put(view: DataView, count: number, places: Uint32Array | null): void {
    const read = new Reader(view, count);
    const size = places ? places.reduce((most, place) => Math.max(most, place + 1), this.size) : count;
    if (size > this.size + count) throw new RangeError("a change leaves steps out");
    this.size = size;
    const filled = <C extends Column>(column: C, values: C): C => {
      const target = grown(column, size);
      if (places) places.forEach((place, row) => (target[place] = values[row]!));
      else target.set(values);
      return target;
    };
    this.scheduled = filled(this.scheduled, read.doubles());
    this.started = filled(this.started, read.doubles());
    this.finished = filled(this.finished, read.doubles());
    this.due = filled(this.due, read.doubles());
    this.name = filled(this.name, read.words());
    this.number = filled(this.number, read.words());
    this.attempt = filled(this.attempt, read.halves());
    this.kind = filled(this.kind, read.octets());
    this.status = filled(this.status, read.octets());
    this.progress = filled(this.progress, read.octets());
  }

  private readAttempts(view: DataView): void {
    const count = rowsIn(view, ATTEMPT_BYTES);
    const read = new Reader(view, count);
    const [started, finished, step, number, status] = [
      read.doubles(),
      read.doubles(),
      read.words(),
      read.halves(),
      read.octets(),
    ];
    for (let row = 0; row < count; row++) {
      const spans = this.attempts.get(step[row]!) ?? [];
      spans.push({
        number: number[row]!,
        status: STATUSES[status[row]!] ?? "scheduled",
        started: started[row]!,
        finished: finished[row]!,
      });
      this.attempts.set(step[row]!, spans);
    }
  }

  statusOf(index: number): ShownStatus {
    return STATUSES[this.status[index]!] ?? "scheduled";
  }

  kindOf(index: number): Step["kind"] {
    return KINDS[this.kind[index]!] ?? "activity";
  }

  /** The share of its work that an open step reports as done, from 0 to 1; NaN where it reports none. */
  shareOf(index: number): number {
    return this.progress[index] === NO_PROGRESS ? NaN : this.progress[index]! / 100;
  }

  /** Whether the step has not ended. */
  isOpen(index: number): boolean {
    return Number.isNaN(this.finished[index]!);
  }
}
