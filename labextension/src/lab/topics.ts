// The names of what a page may follow, and what an output of ours carries: ids only, never state.
// See `jupyter_workflows/server/topic_names.py` and `RUN_MIME` in `jupyter_workflows/runs/handle.py`.

export const RUN_MIME = "application/vnd.jupyter-workflows.run+json";
export const RUNS_MIME = "application/vnd.jupyter-workflows.runs+json";
export const INBOX_MIME = "application/vnd.jupyter-workflows.inbox+json";
export const WORKFLOW_MIME = "application/vnd.jupyter-workflows.workflow+json";
export const MIMES = [RUN_MIME, RUNS_MIME, INBOX_MIME, WORKFLOW_MIME];

export type Kind = "run" | "runs" | "inbox" | "workflow" | "status" | "dashboard" | "schedules";

/** The filters of a list of runs. */
export interface RunsFilter {
  workflow?: string;
  status?: string;
  notebook?: string;
  limit?: number;
}

const LONGEST = 1_000;

function text(value: unknown): string | null {
  return typeof value === "string" && value.length > 0 && value.length <= LONGEST ? value : null;
}

/** What kind of thing a topic is. */
export function kindOf(topic: string): Kind {
  return topic.slice(0, topic.search(/[:?]|$/)) as Kind;
}

/** The topic of a run. */
export function runTopic(id: string, runId: string): string {
  return `run:${id}/${runId}`;
}

/** The topic of a list of runs; always written in the same way, so that pages share one look at it. */
export function runsTopic({ workflow, status, notebook, limit }: RunsFilter): string {
  const given: [string, string | number | undefined][] = [
    ["workflow", workflow],
    ["status", status],
    ["notebook", notebook],
    ["limit", limit],
  ];
  const query = new URLSearchParams(
    given.flatMap(([name, value]) => (value ? [[name, String(value)]] : [])),
  ).toString();
  return query ? `runs?${query}` : "runs";
}

/** The topic of a workflow's card; without a digest, that of the newest bundle that has it. */
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

/** The server that a list in a notebook was read from; null where it does not say, and ids alone tell. */
export function serverOf(mime: string, data: unknown): { address: string; namespace: string } | null {
  if (mime !== RUNS_MIME && mime !== INBOX_MIME) return null;
  const { address, namespace } = (data ?? {}) as Record<string, unknown>;
  return { address: text(address) ?? "", namespace: text(namespace) ?? "" };
}

const LOOPBACK = /^(127\.0\.0\.1|localhost|\[::1\]):\d+$/;

/** Whether two addresses may be those of one server: the embedded one takes another port after each start. */
export function sameServer(one: string, other: string): boolean {
  return one === other || (LOOPBACK.test(one) && LOOPBACK.test(other));
}
