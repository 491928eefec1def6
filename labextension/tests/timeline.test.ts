import { describe, expect, test } from "vitest";
import { StepColumns } from "../src/components/columns";
import { Scene, filtered, layout } from "../src/components/scene";
import { ticks, timescale } from "../src/components/timescale";

/** Steps as `[kind, status, name, scheduled, started, finished]`, in seconds. */
type Row = [kind: number, status: number, name: number, scheduled: number, started: number, finished: number];

function columns(rows: Row[]): StepColumns {
  const steps = new StepColumns();
  const take = (at: number, scale = 1) => rows.map(row => row[at]! * scale);
  steps.size = rows.length;
  steps.kind = Uint8Array.from(take(0));
  steps.status = Uint8Array.from(take(1));
  steps.name = Uint32Array.from(take(2));
  steps.scheduled = Float64Array.from(take(3, 1000));
  steps.started = Float64Array.from(take(4, 1000));
  steps.finished = Float64Array.from(take(5, 1000));
  steps.attempt = Uint16Array.from(rows, () => 1);
  return steps;
}

const ALL = { search: "", status: "all" } as const;

describe("the time line", () => {
  test("is real where something works", () => {
    const scale = timescale(columns([[0, 4, 0, 0, 0, 10]]), 0, 10_000);
    expect(scale.folds).toEqual([]);
    expect(scale.place(2_500)).toBeCloseTo(2_500);
    expect(scale.total).toBe(10_000);
  });

  test("folds a wait of three days, and keeps its ends and the work visible", () => {
    const wait = 3 * 86_400;
    const steps = columns([
      [0, 4, 0, 0, 0, 2],
      [1, 8, 1, 2, NaN, 2 + wait],
      [0, 4, 0, 2 + wait, 2 + wait, 4 + wait],
    ]);
    const scale = timescale(steps, 0, (4 + wait) * 1000);
    expect(scale.folds).toHaveLength(1);
    expect(scale.place(2_000) / scale.total).toBeGreaterThan(0.4);
    expect(scale.folds[0]!.width / scale.total).toBeCloseTo(0.09, 2);
    expect(scale.after(scale.place((3 + wait) * 1000))).toBeCloseTo((3 + wait) * 1000, 0);
    expect(ticks(scale, 0, scale.total, scale.total / 10).map(tick => tick.label)).toContain("⋯ 3 d ⋯");
  });

  test("of a run that only waits is not empty", () => {
    const scale = timescale(columns([[1, 3, 0, 0, NaN, NaN]]), 0, 1e9);
    expect(scale.total).toBeGreaterThan(0);
    expect(scale.place(1e9)).toBeCloseTo(scale.total);
  });
});

describe("lanes", () => {
  test("few steps have one each", () => {
    const steps = columns([
      [0, 4, 0, 0, 0, 5],
      [0, 4, 0, 1, 1, 2],
    ]);
    expect([...layout(steps, Uint32Array.of(0, 1), 5_000).lane]).toEqual([0, 1]);
  });

  test("of many steps keep apart what overlaps, by name", () => {
    const rows = Array.from({ length: 600 }, (_, at): Row => [0, 4, at % 2, at / 10, at / 10, at / 10 + 0.25]);
    const steps = columns(rows);
    const shown = filtered(steps, ALL, String);
    const { lane, lanes, groups } = layout(steps, shown, 1e6);
    expect(groups).toHaveLength(2);
    expect(lanes).toBe(groups[0]!.lanes + groups[1]!.lanes);
    for (let one = 0; one < 600; one++)
      for (let other = one + 1; other < Math.min(one + 10, 600); other++)
        if (lane[one] === lane[other]) expect(rows[other]![3]).toBeGreaterThanOrEqual(rows[one]![5]);
  });
});

describe("a scene", () => {
  test("finds the step under a point, those that failed first", () => {
    const rows = Array.from({ length: 300 }, (): Row => [0, 4, 0, 0, 0, 10]);
    rows[7]![1] = 5;
    const steps = columns(rows);
    const shown = filtered(steps, ALL, String);
    const scene = new Scene(steps, shown, layout(steps, shown, 1e4), 0, 1e4);
    expect(scene.at(scene.layout.lane[7]!, 5_000, 1)).toBe(7);
    expect(scene.at(9_999, 5_000, 1)).toBe(-1);
  });

  test("shows what passes the filter", () => {
    const steps = columns([
      [0, 4, 0, 0, 0, 1],
      [0, 5, 0, 0, 0, 1],
      [1, 3, 0, 0, NaN, NaN],
    ]);
    const wanted = (status: "failed" | "open" | "waiting", search = "") => [
      ...filtered(steps, { search, status }, index => `Step-${index}`),
    ];
    expect(wanted("failed")).toEqual([1]);
    expect(wanted("open")).toEqual([2]);
    expect(wanted("waiting", "step-1")).toEqual([]);
    expect([...filtered(steps, { search: "STEP-1", status: "all" }, index => `Step-${index}`)]).toEqual([1]);
  });

  test("of 50,000 steps is made in time", () => {
    const rows = Array.from({ length: 50_000 }, (_, at): Row => [0, 4, at % 40, at / 100, at / 100, at / 100 + 3]);
    const steps = columns(rows);
    const began = performance.now();
    const shown = filtered(steps, ALL, String);
    new Scene(steps, shown, layout(steps, shown, 1e6), 0, 1e6);
    expect(performance.now() - began).toBeLessThan(1_000);
  });
});
