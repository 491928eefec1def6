import { useRef, useState } from "preact/hooks";
import type { Dashboard, Headline, Run } from "../schema";
import { Figure } from "./chart_view";
import {
  approvalsByReviewer,
  durations,
  failuresByCause,
  percent,
  recoveryOverTime,
  runsOverTime,
  STATUS_INKS,
  timeSpent,
  took,
  amount,
} from "./charts";
import type { DashboardChoice, DashboardModel } from "./dashboard_model";
import { pictureOf } from "./dashboard_picture";
import { csvOfAll } from "./dashboard_tables";
import { save } from "./downloads";
import { useAction, useChanges } from "./hooks";
import type { AnyStatus } from "./icons";
import { Notice } from "./notice";
import type { RunHost } from "./run_card";
import { OpenedRun } from "./run_list";
import { Icon } from "./status";
import { Alert } from "./text_views";
import { oneLine } from "./untrusted";
import { ago, coarse, count, moment, statusWords, time } from "./words";

const SINCE: [string, number | null][] = [
  ["last hour", 3_600],
  ["last 24 hours", 86_400],
  ["last 7 days", 7 * 86_400],
  ["last 30 days", 30 * 86_400],
  ["all time", null],
];
const SIGNS: Record<Headline["tone"], AnyStatus> = {
  good: "completed",
  bad: "failed",
  waiting: "open",
  plain: "scheduled",
};
const CHARTS = {
  runs: ["Runs over time", runsOverTime],
  recovery: ["Recovery rate over time", recoveryOverTime],
  causes: ["Failures by cause", failuresByCause],
  time: ["Where time goes", timeSpent],
  durations: ["Durations", durations],
  reviewers: ["Approvals by reviewer", approvalsByReviewer],
} as const;

/** How runs do: what failed and why, did it recover, what was slow, who waits for whom. */
export function DashboardView({ model, host }: { model: DashboardModel; host: RunHost }) {
  useChanges(model);
  const root = useRef<HTMLElement>(null);
  const { dashboard } = model;
  return (
    <section ref={root} class="jwl jwl-dashboard" aria-label="Dashboard" aria-busy={model.turning}>
      <Filters model={model} root={root} />
      <Notice model={model} />
      {dashboard ? (
        <Figures dashboard={dashboard} model={model} host={host} />
      ) : (
        <div class="jwl-empty">{model.trouble ? "" : "…"}</div>
      )}
    </section>
  );
}

interface Choose {
  label: string;
  value: string;
  options: [string, string][];
  onChoose: (value: string) => void;
}

function Chooser({ label, value, options, onChoose }: Choose) {
  const known = options.some(([each]) => each === value);
  return (
    <select aria-label={label} value={value} onChange={event => onChoose(event.currentTarget.value)}>
      {!known && <option value={value}>{oneLine(value, 40)}</option>}
      {options.map(([each, words]) => (
        <option key={each} value={each}>
          {words}
        </option>
      ))}
    </select>
  );
}

/** What is shown, and what can be taken along. */
function Filters({ model, root }: { model: DashboardModel; root: { current: HTMLElement | null } }) {
  const { choice, dashboard } = model;
  const [doing, act] = useAction();
  // Of what was chosen last, which may not be drawn yet.
  const choose = (changes: Partial<DashboardChoice>) => model.choose({ ...model.choice, ...changes });
  const workflows = (dashboard?.known_workflows ?? []).map(name => [name, oneLine(name, 60)] as [string, string]);
  const picture = () =>
    act(async () => {
      const charts = Object.values(CHARTS).map(([title, draw]) => [title, draw] as [string, typeof draw]);
      save("dashboard.png", await pictureOf(dashboard!, charts, root.current!));
    });
  return (
    <header class="jwl-bar">
      <b>How runs do</b>
      <Chooser
        label="Since"
        value={String(choice.sinceSeconds)}
        options={SINCE.map(([words, seconds]) => [String(seconds), words])}
        onChoose={value => choose({ sinceSeconds: value === "null" ? null : Number(value) })}
      />
      <Chooser
        label="Workflow"
        value={choice.workflow ?? ""}
        options={[["", "all workflows"], ...workflows]}
        onChoose={value => choose({ workflow: value || null })}
      />
      <Chooser
        label="Status"
        value={choice.status ?? ""}
        options={[
          ["", "any status"],
          ...STATUS_INKS.map(({ status }) => [status, statusWords(status)] as [string, string]),
        ]}
        onChoose={value => choose({ status: (value || null) as Run["status"] | null })}
      />
      <input
        type="search"
        aria-label="Notebook"
        placeholder="Notebook"
        value={choice.notebook ?? ""}
        onChange={event => choose({ notebook: event.currentTarget.value || null })}
      />
      <span class="jwl-right jwl-row">
        <button
          type="button"
          disabled={!dashboard}
          onClick={() => save("dashboard.csv", new Blob([csvOfAll(dashboard!)], { type: "text/csv" }))}
        >
          CSV
        </button>
        <button type="button" disabled={!dashboard || doing.busy} onClick={() => void picture()}>
          PNG
        </button>
      </span>
      <Alert message={doing.error} />
    </header>
  );
}

interface Opened {
  id: string;
  runId: string;
}

function Figures({ dashboard, model, host }: { dashboard: Dashboard; model: DashboardModel; host: RunHost }) {
  const [open, setOpen] = useState<Opened | null>(null);
  const toggle = (id: string, runId: string) => {
    if (host.openRun) host.openRun(id, runId);
    else setOpen(open?.runId === runId ? null : { id, runId });
  };
  const ended = dashboard.basis.closed > 0;
  const none = !ended && "no closed run yet";
  return (
    <>
      <Headlines dashboard={dashboard} />
      <Tiles dashboard={dashboard} />
      <div class="jwl-charts">
        <Chart name="runs" dashboard={dashboard} empty={!dashboard.basis.runs && "no runs"} />
        <Chart
          name="recovery"
          dashboard={dashboard}
          empty={!dashboard.recovery.met_failure && "no run met a failure"}
          note="Runs that met a failure and completed, of the closed runs that met one."
        />
        <Chart name="causes" dashboard={dashboard} empty={!dashboard.causes.length && "no failure"} />
        <Chart
          name="time"
          dashboard={dashboard}
          empty={none}
          note="Each moment of a closed run counts once, for what most moved it forward then."
        />
        <Chart name="durations" dashboard={dashboard} empty={none} note="Of closed runs, on a logarithmic scale." />
        <Chart name="reviewers" dashboard={dashboard} empty={!dashboard.approvals.reviewers.length && "no approvals"} />
      </div>
      <Causes dashboard={dashboard} open={open} onToggle={toggle} />
      <Waiting dashboard={dashboard} open={open} onToggle={toggle} />
      {open && (
        <OpenedRun key={open.runId} link={model.link} topic={model.topic} id={open.id} runId={open.runId} host={host} />
      )}
      <Figure
        title="Steps, those that took the most time first"
        dashboard={dashboard}
        table="steps"
        empty={!dashboard.steps.length && "no steps"}
      />
      <Foot dashboard={dashboard} />
    </>
  );
}

interface ChartProps {
  name: keyof typeof CHARTS;
  dashboard: Dashboard;
  empty?: string | false;
  note?: string;
}

function Chart({ name, dashboard, empty, note }: ChartProps) {
  const [title, draw] = CHARTS[name];
  return (
    <Figure title={title} dashboard={dashboard} table={name} draw={draw} empty={empty} {...(note ? { note } : {})} />
  );
}

/** The four sentences; a change of one is announced. */
function Headlines({ dashboard }: { dashboard: Dashboard }) {
  return (
    <ul class="jwl-headlines" aria-live="polite">
      {dashboard.headlines.map(({ about, tone, text }) => (
        <li key={about} dir="auto">
          <Icon status={SIGNS[tone]} /> <span class="jwl-any">{oneLine(text, 400)}</span>
        </li>
      ))}
    </ul>
  );
}

function Tiles({ dashboard }: { dashboard: Dashboard }) {
  const { counts, recovery, approvals, basis, workflows } = dashboard;
  const number = (status: Run["status"]) => counts[status] ?? 0;
  const lost = number("failed") + number("timed_out");
  const rate = recovery.rate;
  const reached = rate !== null && rate >= recovery.target;
  const oldest = approvals.waiting[0];
  const longest = workflows
    .filter(each => each.duration.p90 !== null)
    .sort((one, other) => other.duration.p90! - one.duration.p90!)[0];
  const interval =
    recovery.low !== null && recovery.high !== null ? ` (${percent(recovery.low)} to ${percent(recovery.high)})` : "";
  return (
    <dl class="jwl-tiles">
      <Tile name="Runs" value={amount(basis.runs)} note={`${amount(number("running"))} running`} tone="run" />
      <Tile
        name="Failed"
        value={amount(lost)}
        note={basis.runs ? `${percent(lost / basis.runs)} of runs` : ""}
        tone={lost ? "fail" : "ok"}
      />
      <Tile
        name="Recovery rate"
        value={rate === null ? "–" : percent(rate)}
        note={`target ${percent(recovery.target)}${interval}`}
        tone={rate === null ? "off" : reached ? "ok" : "fail"}
      />
      <Tile
        name="Slowest workflow, p90"
        value={longest ? took(longest.duration.p90) : "–"}
        note={longest ? oneLine(longest.name, 40) : ""}
        tone="off"
      />
      <Tile
        name="Approvals waiting"
        value={amount(approvals.waiting_count)}
        note={oldest ? `oldest since ${coarse(time(dashboard.at) - time(oldest.opened_at))}` : ""}
        tone={approvals.waiting_count ? "wait" : "ok"}
      />
    </dl>
  );
}

function Tile({ name, value, note, tone }: { name: string; value: string; note: string; tone: string }) {
  return (
    <div class={`jwl-tile jwl-${tone}`}>
      <dt>{name}</dt>
      <dd>
        <b>{value}</b>
        <span class="jwl-any">{note}</span>
      </dd>
    </div>
  );
}

interface RowsProps {
  dashboard: Dashboard;
  open: Opened | null;
  onToggle: (id: string, runId: string) => void;
}

const FIRST_ROWS = 8;

/** The causes in words, each with the newest run that met it. */
function Causes({ dashboard, open, onToggle }: RowsProps) {
  if (!dashboard.causes.length) return null;
  return (
    <section class="jwl-figure" aria-label="Causes of failures">
      <h4>Why runs failed</h4>
      <ul class="jwl-lines">
        {dashboard.causes.slice(0, FIRST_ROWS).map(cause => (
          <li key={`${cause.workflow}/${cause.step}/${cause.error}`}>
            <Icon status={cause.runs - cause.recovered >= 0.5 ? "failed" : "retrying"} />
            <span class="jwl-any">
              <b>{oneLine(cause.error, 80)}</b> in {oneLine(cause.step || "workflow code", 60)} of{" "}
              {oneLine(cause.workflow, 60)}: {count(Math.round(cause.retries), "retry", "retries")},{" "}
              {count(Math.round(cause.failures), "failure")} for good
              {cause.example && <span class="jwl-muted"> · “{oneLine(cause.example, 160)}”</span>}
            </span>
            <OpenButton id={cause.workflow_id} runId={cause.run_id} open={open} onToggle={onToggle} />
          </li>
        ))}
      </ul>
    </section>
  );
}

/** The approvals that wait, the longest waiting first. */
function Waiting({ dashboard, open, onToggle }: RowsProps) {
  const { waiting, waiting_count: all } = dashboard.approvals;
  if (!waiting.length) return null;
  const now = time(dashboard.at);
  return (
    <section class="jwl-figure" aria-label="Approvals that wait">
      <h4>Who waits for whom</h4>
      <ul class="jwl-lines">
        {waiting.slice(0, FIRST_ROWS).map(each => (
          <li key={`${each.run_id}/${each.approval}`}>
            <Icon status="open" />
            <span class="jwl-any">
              {oneLine(each.workflow, 60)} waits for <b>{oneLine(each.assignee ?? "anybody", 80)}</b> since{" "}
              {coarse(now - time(each.opened_at))}
              {each.due_at && `, ends ${ago(time(each.due_at), now)}`}
              <span class="jwl-muted"> · “{oneLine(each.message, 160)}”</span>
            </span>
            <OpenButton id={each.workflow_id} runId={each.run_id} open={open} onToggle={onToggle} />
          </li>
        ))}
      </ul>
      {all > FIRST_ROWS && <p class="jwl-muted">{count(all - FIRST_ROWS, "more", "more")} in the inbox</p>}
    </section>
  );
}

function OpenButton({ id, runId, open, onToggle }: Opened & Omit<RowsProps, "dashboard">) {
  return (
    <button
      type="button"
      class="jwl-link jwl-mono"
      aria-expanded={open?.runId === runId}
      onClick={() => onToggle(id, runId)}
    >
      {oneLine(id, 40)}
    </button>
  );
}

/** What the figures stand on. */
function Foot({ dashboard }: { dashboard: Dashboard }) {
  const { basis } = dashboard;
  const drawn = basis.histories < basis.closed;
  return (
    <footer class="jwl-foot jwl-muted">
      {count(basis.runs, "run")}
      {basis.listed < basis.runs && `, of which the newest ${amount(basis.listed)} are listed`}; steps, causes and
      recovery from{" "}
      {drawn
        ? `${count(basis.histories, "history", "histories")} drawn of ${amount(basis.closed)}, and estimated for the rest`
        : `all ${count(basis.closed, "closed run")}`}
      {basis.unreadable > 0 && `; ${count(basis.unreadable, "history", "histories")} could not be read`}. Seen{" "}
      {moment(time(dashboard.at))}.
    </footer>
  );
}
