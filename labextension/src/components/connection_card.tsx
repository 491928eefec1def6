import type { ConnectionState, WorkerState, WorkspaceBudget } from "../schema";
import { useChanges } from "./hooks";
import type { AnyStatus } from "./icons";
import type { StateModel } from "./list_models";
import { Notice } from "./notice";
import { may } from "./rights";
import { Pill } from "./status";
import { oneLine, printable } from "./untrusted";
import { count } from "./words";

/** The sign and the words for the state of a connection. */
export const CONNECTION: Record<ConnectionState["state"], [AnyStatus, string]> = {
  stopped: ["scheduled", "not started"],
  starting: ["running", "starting"],
  connected: ["completed", "connected"],
  lost: ["retrying", "connection lost"],
  failed: ["failed", "failed"],
};
const HEALTH: Record<WorkerState["health"], [AnyStatus, string]> = {
  up: ["completed", "up"],
  starting: ["running", "starting"],
  failing: ["failed", "failing"],
};

const OF_PERIOD: Record<WorkspaceBudget["period"], string> = { run: "of a run", day: "today", month: "this month" };

/** `1,204 of 5,000,000 tokens, 0.3 of 20 in money`, and whether that is all; of a run only what it may. */
export function budgetWords({ tokens, cost, used }: WorkspaceBudget): string {
  const of = (amount: number | undefined) => (amount === undefined ? "" : `${short(amount)} of `);
  const spent = used !== null && ((tokens !== null && used.tokens >= tokens) || (cost !== null && used.cost >= cost));
  const parts = [
    tokens === null ? "" : `${of(used?.tokens)}${short(tokens)} tokens`,
    cost === null ? "" : `${of(used?.cost)}${short(cost)} in money`,
  ];
  return `${parts.filter(Boolean).join(", ")}${spent ? ": spent, no model is asked" : ""}`;
}

/** `1,204`, `0.3125`. */
const short = (amount: number): string =>
  amount.toLocaleString("en", Number.isInteger(amount) ? {} : { maximumSignificantDigits: 4 });

/** The Temporal server behind the views, and the worker hosts: what a person looks at when nothing moves. */
export function ConnectionCard({ model }: { model: StateModel<ConnectionState> }) {
  useChanges(model);
  const { state } = model;
  if (!state)
    return (
      <section class="jwl" aria-busy="true" aria-label="Connection">
        <Notice model={model} />
        <div class="jwl-empty">…</div>
      </section>
    );
  const [sign, words] = CONNECTION[state.state];
  return (
    <section class="jwl" aria-label="Connection">
      <header class="jwl-bar">
        <b>Temporal</b>
        <Pill status={sign} words={words} />
        {state.progress && <span class="jwl-muted">{oneLine(state.progress, 120)}</span>}
      </header>
      <Notice model={model} />
      {state.problems.map(problem => (
        <div key={problem} class="jwl-note jwl-fail">
          {printable(problem, 1_000)}
        </div>
      ))}
      <Server state={state} />
      <Workers workers={state.workers} />
    </section>
  );
}

function Server({ state }: { state: ConnectionState }) {
  const kind = state.embedded ? "embedded: starts by itself, outlives the notebooks" : "configured";
  const facts: [string, string | null][] = [
    ["server", kind],
    ["address", state.address],
    ["namespace", state.namespace],
    ["workspace", state.workspace],
    ...state.budgets.map((budget): [string, string] => [`budget ${OF_PERIOD[budget.period]}`, budgetWords(budget)]),
    ["version", state.server_version],
    [may(state, "write approvals") ? "you decide as" : "you are", state.reviewer],
  ];
  return (
    <dl class="jwl-facts jwl-facts-box">
      {facts
        .filter(([, value]) => value)
        .map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{oneLine(value!, 200)}</dd>
          </div>
        ))}
    </dl>
  );
}

function Workers({ workers }: { workers: WorkerState[] }) {
  if (!workers.length)
    return <div class="jwl-empty">No worker host is up: the next run, or the next cell, starts one.</div>;
  return (
    <ul class="jwl-workers" aria-label="Worker hosts">
      {workers.slice(0, 50).map(worker => (
        <Worker key={worker.key} worker={worker} />
      ))}
    </ul>
  );
}

function Worker({ worker }: { worker: WorkerState }) {
  const [sign, words] = HEALTH[worker.health];
  const place = worker.notebook ?? worker.cwd;
  const facts = [
    worker.open_runs === null ? "" : count(worker.open_runs, "open run"),
    count(worker.bundles.length, "bundle"),
    worker.restarts ? count(worker.restarts, "restart") : "",
    worker.pid === null ? "" : `process ${worker.pid}`,
  ];
  return (
    <li title={`${oneLine(place, 300)}\n${oneLine(worker.python, 300)}`}>
      <div class="jwl-row">
        <Pill status={sign} words={words} />
        <b class="jwl-any">{oneLine(place.split("/").at(-1) || place, 80)}</b>
        <span class="jwl-right jwl-muted">{facts.filter(Boolean).join(" · ")}</span>
      </div>
      {worker.error && <div class="jwl-wrong jwl-any">{oneLine(worker.error, 300)}</div>}
    </li>
  );
}
