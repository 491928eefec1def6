// Durations, moments and counts in words, the same as the text and static HTML views write them.

import type { Usage } from "../schema";

const UNITS: [string, number, string, number][] = [
  ["d", 86_400, "h", 3_600],
  ["h", 3_600, "min", 60],
  ["min", 60, "s", 1],
];

/** `40 ms`, `3.2 s`, `4 min 10 s`, `2 h 5 min`; empty for NaN. */
export function duration(ms: number): string {
  if (Number.isNaN(ms)) return "";
  const seconds = Math.max(0, ms) / 1000;
  if (seconds < 0.0995) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 59.95) return `${seconds.toFixed(seconds < 9.95 ? 1 : 0)} s`;
  const whole = Math.round(seconds);
  for (const [unit, size, smaller, part] of UNITS) {
    if (whole < size) continue;
    const rest = Math.floor((whole % size) / part);
    return `${Math.floor(whole / size)} ${unit}${rest ? ` ${rest} ${smaller}` : ""}`;
  }
  return `${whole} s`;
}

/** A duration in its largest unit alone: `3 min`. */
export function coarse(ms: number): string {
  const seconds = ms / 1000;
  for (const [unit, size] of UNITS) if (seconds >= size) return `${Math.floor(seconds / size)} ${unit}`;
  return `${Math.floor(seconds)} s`;
}

/** `just now`, `5 min ago`, `in 2 h`. */
export function ago(moment: number, now: number): string {
  const passed = now - moment;
  if (Math.abs(passed) < 5_000) return "just now";
  return passed > 0 ? `${coarse(passed)} ago` : `in ${coarse(-passed)}`;
}

/** `2026-11-22 10:41:55`, in the reader's own time zone. */
export function moment(ms: number): string {
  const local = new Date(ms - new Date(ms).getTimezoneOffset() * 60_000);
  return Number.isNaN(ms) ? "" : local.toISOString().slice(0, 19).replace("T", " ");
}

/** `1 step`, `2 steps`. */
export function count(number: number, one: string, many = `${one}s`): string {
  return `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
}

/** `timed out` for `timed_out`. */
export function statusWords(status: string): string {
  return status.replaceAll("_", " ");
}

/** A wire time as milliseconds; NaN for none. */
export function time(text: string | null | undefined): number {
  return text ? Date.parse(text) : NaN;
}

/** `2 calls, 1,204 tokens, cost 0.0031`: what model calls took. */
export function usageWords(usage: Usage): string {
  const tokens = usage.input_tokens + usage.output_tokens;
  const more = usage.unpriced_calls > 0 ? " and more" : "";
  const parts = [
    count(usage.calls, "call"),
    tokens > 0 ? `${usage.estimated ? "about " : ""}${count(tokens, "token")}` : "",
    usage.pages > 0 ? count(usage.pages, "page") : "",
    usage.cost ? `cost ${Number(usage.cost.toPrecision(4))}${more}` : "",
  ];
  return parts.filter(Boolean).join(", ");
}

/** `30 %` for a share from 0 to 1; empty for none. */
export function percent(share: number): string {
  return Number.isNaN(share) ? "" : `${Math.floor(share * 100 + 1e-9)} %`;
}
