// What an output of ours carries: ids only, never state. See `RUN_MIME` in `jupyter_workflows/runs/handle.py`.

export const RUN_MIME = "application/vnd.jupyter-workflows.run+json";
export const RUNS_MIME = "application/vnd.jupyter-workflows.runs+json";
export const INBOX_MIME = "application/vnd.jupyter-workflows.inbox+json";
export const WORKFLOW_MIME = "application/vnd.jupyter-workflows.workflow+json";
export const MIMES = [RUN_MIME, RUNS_MIME, INBOX_MIME, WORKFLOW_MIME];

const LONGEST = 1_000;

function text(value: unknown): string | null {
  return typeof value === "string" && value.length > 0 && value.length <= LONGEST ? value : null;
}

/** The topic of a run. */
export function runTopic(id: string, runId: string): string {
  return `run:${id}/${runId}`;
}

/** The topic of a list of runs with these filters. */
export function runsTopic(filter: Record<string, string>): string {
  const query = new URLSearchParams(Object.entries(filter).filter(([, value]) => value)).toString();
  return query ? `runs?${query}` : "runs";
}

/** The topic of a workflow's card. */
export function workflowTopic(digest: string, name: string): string {
  return `workflow:${digest}/${name}`;
}

/** The topic that an output shows; null where it carries no ids: a notebook is a file, and may say anything. */
export function topicOf(mime: string, data: unknown): string | null {
  const ids = (typeof data === "object" && data !== null ? data : {}) as Record<string, unknown>;
  if (mime === INBOX_MIME) return "inbox";
  if (mime === RUNS_MIME) {
    const query = text(ids.query);
    return query ? `runs?${query}` : "runs";
  }
  const [first, second] = mime === RUN_MIME ? [text(ids.id), text(ids.run_id)] : [text(ids.digest), text(ids.name)];
  if (first === null || second === null) return null;
  return mime === RUN_MIME ? runTopic(first, second) : workflowTopic(first, second);
}
