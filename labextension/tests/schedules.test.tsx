import { render } from "preact";
import { act } from "preact/test-utils";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { cronWords } from "../src/components/cron_words";
import type { StateModel } from "../src/components/list_models";
import { timesOf, writtenOf } from "../src/components/schedule_times";
import { Schedules } from "../src/components/schedules";
import { SchedulesModel, type SchedulesPlace } from "../src/components/schedules_model";
import type { ConnectionState, ScheduleState } from "../src/schema";

const SCHEDULE: ScheduleState = {
  id: "nightly",
  workflow: "poll",
  times: ["cron 0 2 * * *"],
  given: { cron: ["0 2 * * *"], every_seconds: 129_600, calendar: [] },
  time_zone: "Europe/Paris",
  paused: false,
  note: "",
  made_by: "ada",
  overlap: "skip",
  bundle: null,
  task_queue: null,
  deeds: [],
  next: ["2026-11-27T01:00:00Z"],
  recent: [],
  runs: null,
  missed: null,
  skipped: null,
};

let root: HTMLElement;
let listed: ScheduleState[];
let model: SchedulesModel | null = null;

beforeEach(() => {
  root = document.body.appendChild(document.createElement("div"));
  vi.useFakeTimers();
  listed = [SCHEDULE, { ...SCHEDULE, id: "<img src=x>", workflow: "<b>poll" }];
});

afterEach(() => {
  render(null, root);
  root.remove();
  model?.close();
  vi.useRealTimers();
});

/** A page for somebody with these rights; null for all. */
async function page(may: string[] | null, place: Partial<SchedulesPlace> = {}): Promise<SchedulesModel> {
  const viewer = { state: { may }, subscribe: () => () => undefined } as unknown as StateModel<ConnectionState>;
  const asked: SchedulesPlace = {
    list: () => Promise.resolve(listed),
    find: () => Promise.resolve(SCHEDULE),
    act: (_id, action) => Promise.resolve(action === "delete" ? null : { ...SCHEDULE, paused: action === "pause" }),
    setTimes: () => Promise.resolve(SCHEDULE),
    ...place,
  };
  const made = new SchedulesModel("schedules", asked, viewer);
  model = made;
  await act(async () => {
    render(<Schedules model={made} host={{}} />, root);
    await vi.advanceTimersByTimeAsync(100);
  });
  return made;
}

const later = (ms: number) => act(async () => void (await vi.advanceTimersByTimeAsync(ms)));

test.each([
  [null, 8],
  [["execute workflows"], 8],
  [["read runs", "write runs", "write approvals"], 0],
])("with the rights %j a page of two schedules has %i controls", async (may, controls) => {
  await page(may);
  expect(root.querySelectorAll("button, input")).toHaveLength(controls);
  expect(root.textContent).toContain("<img src=x>");
  expect(root.querySelector("img")).toBeNull();
});

test("what was answered counts for more than the list that follows after it", async () => {
  const made = await page(null);
  await act(() => made.act("nightly", "pause"));
  await later(5_000);
  expect(made.schedules![0]!.paused).toBe(true);
  await act(() => made.act("nightly", "delete"));
  await later(5_000);
  expect(made.schedules!.map(each => each.id)).toEqual(["<img src=x>"]);
  await later(15_000);
  expect(made.schedules).toEqual(listed);
});

test("what is refused is told, and what was seen stays", async () => {
  let trouble: string | null = null;
  const list = () => (trouble ? Promise.reject(new Error(trouble)) : Promise.resolve(listed));
  const refused = () => Promise.reject(new Error("there is no schedule 'nightly'"));
  await page(null, { list, act: refused });
  trouble = "the server can't be reached";
  await later(5_000);
  expect(root.querySelector('.jwl-note[role="status"]')?.textContent).toBe(trouble);
  expect(root.querySelectorAll("li")).toHaveLength(2);
  const [run] = [...root.querySelectorAll("button")].filter(button => button.textContent === "Run now");
  await act(async () => {
    run!.click();
    await vi.advanceTimersByTimeAsync(100);
  });
  expect(root.querySelector('[role="alert"].jwl-fail')?.textContent).toContain("no schedule 'nightly'");
});

test.each([
  ["0 2 * * *", "every day at 02:00"],
  ["5 9 * * mon-fri", "Monday to Friday at 09:05"],
  ["30 18 * * 6,0", "Saturday, Sunday at 18:30"],
  ["0 0 * * 1-3,fri", "Monday to Wednesday, Friday at 00:00"],
  ["*/15 * * * *", "every 15 minutes"],
  ["@daily", "every day at 00:00"],
  ["*/7 * * * *", null],
  ["0 25 * * *", null],
  ["0 2 1 * *", null],
  ["0 2 * * mon#1", null],
  ["0 2 * * mon-", null],
  ["constructor", null],
])("cron %s in words is %s", (expression, words) => {
  expect(cronWords(expression)).toBe(words);
});

test("times are written as they were given, and asked for as they are written", () => {
  const written = writtenOf(SCHEDULE);
  expect(written).toMatchObject({ cron: "0 2 * * *", every: "36", unit: 3_600, timeZone: "Europe/Paris" });
  expect(timesOf(written)).toEqual({ ...SCHEDULE.given, time_zone: "Europe/Paris", overlap: "skip" });
  expect(timesOf({ ...written, cron: " \n@daily\n", every: " ", timeZone: "" })).toMatchObject({
    cron: ["@daily"],
    every_seconds: null,
    time_zone: "UTC",
  });
});

test("an overlap policy that was set elsewhere is shown as such, and stays", async () => {
  const asked: unknown[] = [];
  const setTimes: SchedulesPlace["setTimes"] = (_id, times) => {
    asked.push(times.overlap);
    return Promise.resolve(SCHEDULE);
  };
  await page(null, { find: () => Promise.resolve({ ...SCHEDULE, overlap: null }), setTimes });
  await act(async () => {
    root.querySelector<HTMLElement>('[data-opens="times"]')!.click();
    await vi.advanceTimersByTimeAsync(100);
  });
  await later(500);
  const select = root.querySelector<HTMLSelectElement>('select[id$="-overlap"]')!;
  expect(select.selectedOptions[0]!.textContent).toBe("as it is");
  await act(async () => {
    root.querySelector<HTMLElement>('button[type="submit"]')!.click();
    await vi.advanceTimersByTimeAsync(100);
  });
  expect(asked).toEqual([null]);
});
