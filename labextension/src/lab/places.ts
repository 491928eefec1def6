// Where a notebook lies, and which workflows a cell defines.

import type { RunsState } from "../schema";
import { WORKFLOW_MIME } from "./topics";

/** A workflow that a cell defines; without a digest where the cell was not run. */
export interface Defined {
  name: string;
  digest: string | null;
}

const WORKFLOW_CELL = /^\s*%%workflow\b|^\s*@workflow\b/m;
const ASYNC_DEF = /^async\s+def\s+([^\W\d]\w*)/gm;

/** Paths below the server's root that may be the notebook of this absolute path, the likeliest first. */
export function pathsOf(absolute: string, root: string): string[] {
  const parts = absolute.split("/").filter(Boolean);
  const all = parts.map((_, at) => parts.slice(at).join("/"));
  const below = root.startsWith("/") && absolute.startsWith(`${root.replace(/\/$/, "")}/`);
  return below ? [absolute.slice(root.replace(/\/$/, "").length + 1)] : all;
}

/** The absolute path of a notebook, as runs carry it; a root below `~` is found by the runs that are known. */
export function absoluteOf(path: string, root: string, runs: RunsState["runs"]): string | null {
  if (root.startsWith("/")) return `${root.replace(/\/$/, "")}/${path}`;
  const end = `${root.replace(/^~/, "").replace(/\/$/, "")}/${path}`;
  return runs.find(run => run.notebook?.endsWith(end))?.notebook ?? null;
}

/** The workflows that a cell's source and outputs tell of. */
export function definedBy(source: string, outputs: readonly Record<string, unknown>[]): Defined[] {
  const shown = outputs.flatMap(data => {
    const { name, digest } = (data[WORKFLOW_MIME] ?? {}) as { name?: unknown; digest?: unknown };
    return typeof name === "string" && typeof digest === "string" ? [{ name, digest }] : [];
  });
  if (shown.length || !WORKFLOW_CELL.test(source)) return shown;
  return [...source.matchAll(ASYNC_DEF)].map(([, name]) => ({ name: name!, digest: null }));
}
