// Charts as marks: geometry alone, which a page draws as SVG and an export paints on a canvas.

import type { Dashboard, Run, TimeSpent } from "../schema";
import { oneLine } from "./untrusted";
import { count, duration, moment, statusWords, time } from "./words";

/** A colour by its meaning; `components.css` has one of each, light and dark. */
export type Ink = "ok" | "run" | "wait" | "fail" | "off" | "idle" | "child" | "people" | "text" | "muted" | "line";

export type Mark =
  | { kind: "bar"; x: number; y: number; width: number; height: number; ink: Ink; title?: string }
  | { kind: "line"; points: [number, number][]; ink: Ink; dashed?: boolean }
  | { kind: "dot"; x: number; y: number; radius: number; ink: Ink; title?: string }
  | { kind: "text"; x: number; y: number; text: string; ink: Ink; anchor: "start" | "middle" | "end" };

export interface Chart {
  height: number;
  marks: Mark[];
  legend: { ink: Ink; words: string }[];
  /** What the chart says, for those who don't see it. */
  summary: string;
}

type Place = keyof TimeSpent["seconds"];

export const PLACES: { place: Place; ink: Ink; words: string }[] = [
  { place: "run", ink: "run", words: "running" },
  { place: "child", ink: "child", words: "child runs" },
  { place: "retry", ink: "fail", words: "retrying" },
  { place: "queue", ink: "wait", words: "queued" },
  { place: "people", ink: "people", words: "waiting for people" },
  { place: "timer", ink: "off", words: "sleeping" },
  { place: "other", ink: "idle", words: "between steps" },
];

export const STATUS_INKS: { status: Run["status"]; ink: Ink }[] = [
  { status: "completed", ink: "ok" },
  { status: "running", ink: "run" },
  { status: "continued_as_new", ink: "child" },
  { status: "cancelled", ink: "idle" },
  { status: "terminated", ink: "off" },
  { status: "timed_out", ink: "people" },
  { status: "failed", ink: "fail" },
];

export const ROWS = 8;
const ROW = 36;
const PLOT = 130;
const LEFT = 42;

/** `97.3 %`; all and none only where it is all or none. */
export function percent(share: number): string {
  if (share === 0 || share === 1) return `${share * 100} %`;
  return `${Math.min(99.9, Math.max(0.1, Math.round(share * 1000) / 10))} %`;
}

/** A number of runs or steps, which may be an estimate. */
export function amount(number: number): string {
  return Math.round(number).toLocaleString("en");
}

/** Seconds in words. */
export function took(seconds: number | null): string {
  return seconds === null ? "" : duration(seconds * 1000);
}

function text(x: number, y: number, words: string, anchor: "start" | "middle" | "end", ink: Ink = "muted"): Mark {
  return { kind: "text", x, y, text: words, ink, anchor };
}

/** As much of a name as fits beside so many pixels of other text. */
function fitted(name: string, pixels: number): string {
  return oneLine(name, Math.max(8, Math.floor(pixels / 7)));
}

function level(y: number, from: number, to: number, ink: Ink = "line", dashed = false): Mark {
  const points: [number, number][] = [
    [from, y],
    [to, y],
  ];
  return { kind: "line", points, ink, dashed };
}

/** Labels of the first, a middle and the last period, as far as there is room. */
function timeLabels(dashboard: Dashboard, at: (index: number) => number, y: number): Mark[] {
  const { periods, period_seconds: length } = dashboard;
  const words = (index: number) => {
    const full = moment(time(periods[index]!.start));
    return length >= 86_400 ? full.slice(0, 10) : full.slice(5, 16);
  };
  const last = periods.length - 1;
  if (last < 1) return last < 0 ? [] : [text(at(0), y, words(0), "start")];
  const middle = Math.floor(last / 2);
  const ends = [text(at(0), y, words(0), "start"), text(at(last + 1), y, words(last), "end")];
  return last >= 4 ? [...ends, text(at(middle + 0.5), y, words(middle), "middle")] : ends;
}

/** A round number at or above `most`. */
export function roundUp(most: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(1, most)));
  return [1, 2, 5, 10].map(step => step * power).find(step => step >= most) ?? most;
}

/** Runs by the time they started, stacked by status. */
export function runsOverTime(dashboard: Dashboard, width: number): Chart {
  const { periods } = dashboard;
  const shown = STATUS_INKS.filter(({ status }) => (dashboard.counts[status] ?? 0) > 0);
  const totals = periods.map(period => Object.values(period.counts).reduce((sum, each) => sum + each, 0));
  const top = roundUp(Math.max(1, ...totals));
  const at = (index: number) => LEFT + ((width - LEFT) * index) / Math.max(1, periods.length);
  const height = (runs: number) => (PLOT * runs) / top;
  const marks: Mark[] = [0, top / 2, top].flatMap(value => [
    level(10 + PLOT - height(value), LEFT, width),
    text(LEFT - 6, 14 + PLOT - height(value), value.toLocaleString("en"), "end"),
  ]);
  periods.forEach((period, index) => {
    let y = 10 + PLOT;
    const title = [
      moment(time(period.start)),
      ...shown.map(each => `${period.counts[each.status] ?? 0} ${each.status}`),
    ];
    for (const { status, ink } of shown) {
      const tall = height(period.counts[status] ?? 0);
      if (!tall) continue;
      y -= tall;
      const wide = Math.max(1, at(index + 1) - at(index) - 1.5);
      marks.push({ kind: "bar", x: at(index), y, width: wide, height: tall, ink, title: title.join(", ") });
    }
  });
  marks.push(...timeLabels(dashboard, at, PLOT + 27));
  return {
    height: PLOT + 34,
    marks,
    legend: shown.map(({ status, ink }) => ({
      ink,
      words: `${amount(dashboard.counts[status]!)} ${statusWords(status)}`,
    })),
    summary: `Runs by the time they started: ${shown.map(each => `${dashboard.counts[each.status]} ${statusWords(each.status)}`).join(", ") || "none"}.`,
  };
}

/** The recovery rate of each period, with the target as a line. */
export function recoveryOverTime(dashboard: Dashboard, width: number): Chart {
  const { periods, recovery } = dashboard;
  const at = (index: number) => LEFT + ((width - LEFT) * index) / Math.max(1, periods.length);
  const y = (share: number) => 10 + PLOT * (1 - share);
  const marks: Mark[] = [0, 0.5, 1].flatMap(share => [
    level(y(share), LEFT, width),
    text(LEFT - 6, y(share) + 4, `${share * 100} %`, "end"),
  ]);
  const most = Math.max(1, ...periods.map(period => period.met_failure));
  const points: [number, number][] = [];
  const dots: Mark[] = [];
  periods.forEach((period, index) => {
    if (!period.met_failure) return;
    const rate = period.recovered / period.met_failure;
    const point: [number, number] = [at(index + 0.5), y(rate)];
    points.push(point);
    const title = `${moment(time(period.start))}: ${percent(rate)} of ${amount(period.met_failure)} recovered`;
    const radius = 3 + 4 * Math.sqrt(period.met_failure / most);
    dots.push({ kind: "dot", x: point[0], y: point[1], radius, ink: rate >= recovery.target ? "ok" : "fail", title });
  });
  marks.push({ kind: "line", points, ink: "off" }, ...dots);
  marks.push(level(y(recovery.target), LEFT, width, "text", true));
  marks.push(...timeLabels(dashboard, at, PLOT + 27));
  const rate = recovery.rate === null ? "no run met a failure" : `${percent(recovery.rate)} over all`;
  return {
    height: PLOT + 34,
    marks,
    legend: [
      { ink: "text", words: `target ${percent(recovery.target)} (dashed)` },
      { ink: "ok", words: "reaches it" },
      { ink: "fail", words: "misses it" },
    ],
    summary: `Recovery rate by the time runs started: ${rate}, target ${percent(recovery.target)}.`,
  };
}

/** A row: a name and figures above, bars below. */
function rowOf(index: number, width: number, name: string, figures: string, bars: (y: number) => Mark[]): Mark[] {
  const top = index * ROW;
  return [
    text(0, top + 13, fitted(name, width - figures.length * 6.6 - 12), "start", "text"),
    text(width, top + 13, figures, "end"),
    ...bars(top + 19),
  ];
}

/** Durations of each workflow on a logarithmic axis: from p50 to p90 thick, on to p99 thin. */
export function durations(dashboard: Dashboard, width: number): Chart {
  const rows = dashboard.workflows.filter(each => each.duration.p50 !== null).slice(0, ROWS);
  const values = rows.flatMap(({ duration: each }) => [each.p50!, each.p99!]).map(each => Math.max(each, 1e-3));
  const [low, high] = [Math.log(Math.min(...values, 1e9) / 1.5), Math.log(Math.max(...values, 1e-3) * 1.5)];
  const x = (seconds: number) => (width * (Math.log(Math.max(seconds, 1e-3)) - low)) / Math.max(1e-9, high - low);
  const marks = rows.flatMap(({ name, duration: each }, index) => {
    const [p50, p90, p99] = [each.p50!, each.p90!, each.p99!];
    const figures = `p50 ${took(p50)} · p90 ${took(p90)} · p99 ${took(p99)}`;
    return rowOf(index, width, name, figures, y => [
      level(y + 5, 0, width),
      { kind: "bar", x: x(p90), y: y + 3, width: Math.max(1, x(p99) - x(p90)), height: 4, ink: "wait" },
      { kind: "bar", x: x(p50), y, width: Math.max(2, x(p90) - x(p50)), height: 10, ink: "run" },
    ]);
  });
  return {
    height: Math.max(1, rows.length) * ROW,
    marks,
    legend: [
      { ink: "run", words: "p50 to p90" },
      { ink: "wait", words: "to p99" },
    ],
    summary: `Durations: ${rows.map(each => `${oneLine(each.name, 60)} p50 ${took(each.duration.p50)}, p99 ${took(each.duration.p99)}`).join("; ") || "no closed run"}.`,
  };
}

function inAll(spent: readonly TimeSpent[]): TimeSpent {
  const seconds: Record<string, number> = {};
  for (const each of spent)
    for (const [place, value] of Object.entries(each.seconds)) seconds[place] = (seconds[place] ?? 0) + value;
  return { workflow: "all workflows", seconds };
}

/** Where the time of each workflow's runs went, as shares. */
export function timeSpent(dashboard: Dashboard, width: number): Chart {
  const { spent } = dashboard;
  const rows = (spent.length > 1 ? [inAll(spent), ...spent] : spent).slice(0, ROWS);
  const all = inAll(spent);
  const shown = PLACES.filter(({ place }) => (all.seconds[place] ?? 0) > 0);
  const whole = (row: TimeSpent) => Object.values(row.seconds).reduce((sum, each) => sum + each, 0) || 1;
  const marks = rows.flatMap((row, index) =>
    rowOf(index, width, row.workflow, `${took(whole(row))} in all`, y => {
      let x = 0;
      return shown.map(({ place, ink, words }) => {
        const share = (row.seconds[place] ?? 0) / whole(row);
        const title = `${words}: ${percent(share)}, ${took(row.seconds[place] ?? 0)}`;
        const bar: Mark = { kind: "bar", x, y, width: share * width, height: 12, ink, title };
        x += share * width;
        return bar;
      });
    }),
  );
  const legend = shown.map(({ place, ink, words }) => ({
    ink,
    words: `${words} ${percent((all.seconds[place] ?? 0) / whole(all))}`,
  }));
  return {
    height: Math.max(1, rows.length) * ROW,
    marks,
    legend,
    summary: `Where time goes: ${legend.map(each => each.words).join(", ") || "no closed run"}.`,
  };
}

/** Runs that met each cause: lost and recovered. */
export function failuresByCause(dashboard: Dashboard, width: number): Chart {
  const rows = dashboard.causes.slice(0, ROWS);
  const most = Math.max(1, ...rows.map(each => each.runs));
  const marks = rows.flatMap((cause, index) => {
    const lost = cause.runs - cause.recovered;
    const parts = [
      lost >= 0.5 && `${amount(lost)} lost`,
      cause.recovered >= 0.5 && `${amount(cause.recovered)} recovered`,
    ];
    const name = `${cause.error} in ${cause.step || "workflow code"}`;
    return rowOf(index, width, name, parts.filter(Boolean).join(" · "), y => [
      { kind: "bar", x: 0, y, width: (width * lost) / most, height: 10, ink: "fail" },
      { kind: "bar", x: (width * lost) / most, y, width: (width * cause.recovered) / most, height: 10, ink: "ok" },
    ]);
  });
  return {
    height: Math.max(1, rows.length) * ROW,
    marks,
    legend: [
      { ink: "fail", words: "runs that did not complete" },
      { ink: "ok", words: "runs that completed all the same" },
    ],
    summary: `Failures by cause: ${rows.map(each => `${oneLine(each.error, 60)} met by ${amount(each.runs)} runs`).join("; ") || "none"}.`,
  };
}

/** Who is waited for, and how long each takes to decide. */
export function approvalsByReviewer(dashboard: Dashboard, width: number): Chart {
  const rows = dashboard.approvals.reviewers.slice(0, ROWS);
  const most = Math.max(1, ...rows.map(each => each.waiting + each.decided + each.timed_out));
  const now = time(dashboard.at);
  const marks = rows.flatMap((each, index) => {
    const oldest = each.oldest ? ` (oldest ${duration(now - time(each.oldest))})` : "";
    const parts = [
      each.waiting > 0 && `${amount(each.waiting)} wait${oldest}`,
      each.decision.p50 !== null && `decides in ${took(each.decision.p50)}`,
    ];
    const widths = [each.waiting, each.decided, each.timed_out].map(number => (width * number) / most);
    const inks: Ink[] = ["wait", "ok", "people"];
    return rowOf(index, width, each.assignee ?? "anybody", parts.filter(Boolean).join(" · "), y => {
      let x = 0;
      return inks.map((ink, part) => {
        const bar: Mark = { kind: "bar", x, y, width: widths[part]!, height: 10, ink };
        x += widths[part]!;
        return bar;
      });
    });
  });
  const { approvals } = dashboard;
  return {
    height: Math.max(1, rows.length) * ROW,
    marks,
    legend: [
      { ink: "wait", words: `${amount(approvals.waiting_count)} wait` },
      { ink: "ok", words: `${amount(approvals.approved + approvals.rejected)} decided` },
      { ink: "people", words: `${amount(approvals.timed_out)} timed out` },
    ],
    summary: `${count(approvals.waiting_count, "approval")} wait; half of the decisions took at most ${took(approvals.decision.p50) || "?"}.`,
  };
}
