// The figures of a dashboard as tables: the twins of its charts, and what is exported.

import type { Dashboard, Percentiles } from "../schema";
import { PLACES, STATUS_INKS } from "./charts";
import { printable } from "./untrusted";
import { statusWords } from "./words";

export type Field = string | number | null;

export interface Table {
  name: string;
  columns: string[];
  rows: Field[][];
}

export type TableName = "runs" | "recovery" | "durations" | "time" | "causes" | "reviewers" | "steps" | "waiting";

const seconds = (value: number | null): Field => (value === null ? null : Math.round(value * 1000) / 1000);
const percentiles = (each: Percentiles): Field[] => [each.p50, each.p90, each.p99, each.longest].map(seconds);
const rate = (recovered: number, met: number): Field => (met ? Math.round((1000 * recovered) / met) / 10 : null);

/** The table behind a chart. Durations are in seconds, shares in percent. */
export function tableOf(dashboard: Dashboard, name: TableName): Table {
  return { name, ...TABLES[name](dashboard) };
}

const TABLES: Record<TableName, (dashboard: Dashboard) => Omit<Table, "name">> = {
  runs: ({ periods }) => ({
    columns: ["from", ...STATUS_INKS.map(({ status }) => statusWords(status))],
    rows: periods.map(each => [each.start, ...STATUS_INKS.map(({ status }) => each.counts[status] ?? 0)]),
  }),
  recovery: ({ periods, recovery }) => ({
    columns: ["from", "met a failure", "recovered", "rate %", "target %"],
    rows: periods.map(each => [
      each.start,
      each.met_failure,
      each.recovered,
      rate(each.recovered, each.met_failure),
      recovery.target * 100,
    ]),
  }),
  durations: ({ workflows }) => ({
    columns: ["workflow", "closed runs", "p50 s", "p90 s", "p99 s", "longest s", "met a failure", "recovered"],
    rows: workflows.map(each => [
      each.name,
      each.duration.count,
      ...percentiles(each.duration),
      each.met_failure,
      each.recovered,
    ]),
  }),
  time: ({ spent }) => ({
    columns: ["workflow", ...PLACES.map(({ words }) => `${words} s`)],
    rows: spent.map(each => [each.workflow, ...PLACES.map(({ place }) => seconds(each.seconds[place] ?? 0))]),
  }),
  causes: ({ causes }) => ({
    columns: ["error", "step", "workflow", "retries", "failures", "runs", "recovered", "newest said", "newest run"],
    rows: causes.map(each => [
      each.error,
      each.step || "workflow code",
      each.workflow,
      each.retries,
      each.failures,
      each.runs,
      each.recovered,
      each.example,
      each.workflow_id,
    ]),
  }),
  reviewers: ({ approvals }) => ({
    columns: ["for", "wait", "oldest", "decided", "timed out", "p50 s", "p90 s", "p99 s", "longest s"],
    rows: approvals.reviewers.map(each => [
      each.assignee ?? "anybody",
      each.waiting,
      each.oldest,
      each.decided,
      each.timed_out,
      ...percentiles(each.decision),
    ]),
  }),
  steps: ({ steps }) => ({
    columns: [
      ...["workflow", "step", "kind", "times", "retries", "failures", "queue p50 s", "queue p90 s"],
      ...["p50 s", "p90 s", "p99 s", "longest s"],
    ],
    rows: steps.map(each => [
      ...[each.workflow, each.name, each.kind, each.count, each.retried, each.failed],
      ...[seconds(each.queue.p50), seconds(each.queue.p90), ...percentiles(each.duration)],
    ]),
  }),
  waiting: ({ approvals }) => ({
    columns: ["workflow", "run", "approval", "question", "for", "since", "until"],
    rows: approvals.waiting.map(each => [
      ...[each.workflow, each.workflow_id, each.approval, each.message],
      ...[each.assignee ?? "anybody", each.opened_at, each.due_at],
    ]),
  }),
};

/** A field of a CSV file; a text that a spreadsheet would take for a formula is kept a text. */
function csvField(value: Field): string {
  if (value === null) return "";
  if (typeof value === "number") return String(value);
  const shown = printable(value, 10_000);
  const text = /^[=+\-@\t\r]/.test(shown) ? `'${shown}` : shown;
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** A table as CSV (RFC 4180). */
export function csvOf(table: Table): string {
  return [table.columns, ...table.rows].map(row => row.map(csvField).join(",")).join("\r\n") + "\r\n";
}

/** All tables of a dashboard in one CSV file, each under a line with its name. */
export function csvOfAll(dashboard: Dashboard): string {
  const names = Object.keys(TABLES) as TableName[];
  return names.map(name => `${name}\r\n${csvOf(tableOf(dashboard, name))}`).join("\r\n");
}
