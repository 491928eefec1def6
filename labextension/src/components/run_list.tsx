import { useEffect, useMemo, useState } from "preact/hooks";
import type { Run, RunsState } from "../schema";
import { useChanges, useNow } from "./hooks";
import type { StateModel } from "./list_models";
import { Notice } from "./notice";
import type { Link } from "./protocol";
import { RunCard, type RunHost } from "./run_card";
import { RunModel } from "./run_model";
import { Pill } from "./status";
import { Alert } from "./text_views";
import { oneLine } from "./untrusted";
import { ago, count, duration, moment, time } from "./words";

/** Runs, newest first; one opens below its row. */
export function RunList({ model, host }: { model: StateModel<RunsState>; host: RunHost }) {
  useChanges(model);
  const [search, setSearch] = useState("");
  const [status, setStatus] = useState("all");
  const [open, setOpen] = useState<Run | null>(null);
  const runs = model.state?.runs ?? [];
  const wanted = search.trim().toLowerCase();
  const shown = runs.filter(
    run =>
      (status === "all" || run.status === status) &&
      (!wanted || `${run.workflow} ${run.id}`.toLowerCase().includes(wanted)),
  );
  const toggle = (run: Run) => setOpen(open?.run_id === run.run_id ? null : run);
  const statuses = [...new Set(runs.map(run => run.status))];
  return (
    <section class="jwl" aria-label="Runs">
      <header class="jwl-bar">
        <b>Runs</b>
        <input
          type="search"
          aria-label="Search runs"
          placeholder="Search"
          value={search}
          onInput={event => setSearch(event.currentTarget.value)}
        />
        <select aria-label="Status" value={status} onChange={event => setStatus(event.currentTarget.value)}>
          <option value="all">all</option>
          {statuses.map(each => (
            <option key={each}>{each}</option>
          ))}
        </select>
        <span class="jwl-right jwl-muted" role="status">
          {count(shown.length, "run")}
        </span>
      </header>
      <Notice model={model} />
      {shown.length ? (
        <RunTable runs={shown} open={open} onOpen={host.openRun} onToggle={toggle} />
      ) : (
        <div class="jwl-empty">{model.state ? <NoRuns among={runs.length} /> : "…"}</div>
      )}
      {open && (
        <OpenedRun
          key={open.run_id}
          link={model.link}
          topic={model.topic}
          id={open.id}
          runId={open.run_id}
          host={host}
        />
      )}
    </section>
  );
}

/** Why no run is listed, and how one gets there. */
function NoRuns({ among }: { among: number }) {
  if (among) return <>No run fits: clear the search, or choose all.</>;
  return (
    <>
      No runs yet. Run a <code>%%workflow</code> cell and start it: its runs show up here.
    </>
  );
}

interface RunTableProps {
  runs: Run[];
  open: Run | null;
  onToggle: (run: Run) => void;
  /** Opens a run elsewhere, instead of below its row. */
  onOpen: RunHost["openRun"];
}

function RunTable({ runs, open, onToggle, onOpen }: RunTableProps) {
  return (
    <table class="jwl-table jwl-list">
      <thead>
        <tr>
          {["Status", "Workflow", "Run", "Started", "Took"].map(name => (
            <th scope="col" key={name}>
              {name}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {runs.slice(0, 500).map(run => (
          <RunRow
            key={`${run.id}/${run.run_id}`}
            run={run}
            open={open?.run_id === run.run_id}
            onToggle={() => onToggle(run)}
            onOpen={onOpen && (() => onOpen(run.id, run.run_id))}
          />
        ))}
      </tbody>
    </table>
  );
}

interface RunRowProps {
  run: Run;
  open: boolean;
  onToggle: () => void;
  onOpen: (() => void) | undefined;
}

function RunRow({ run, open, onToggle, onOpen }: RunRowProps) {
  const now = useNow(5_000);
  const [started, closed] = [time(run.started_at), time(run.closed_at)];
  return (
    <tr aria-selected={open}>
      <td class="jwl-nowrap">
        <Pill status={run.status} />
        {run.open_approvals > 0 && (
          <span class="jwl-tag jwl-wait" title="waits for a decision">
            {count(run.open_approvals, "approval")}
          </span>
        )}
      </td>
      <td class="jwl-any">{oneLine(run.workflow, 80)}</td>
      <td class="jwl-any">
        <button
          type="button"
          class="jwl-link jwl-mono"
          aria-expanded={onOpen ? undefined : open}
          onClick={onOpen ?? onToggle}
        >
          {oneLine(run.id, 80)}
        </button>
      </td>
      <td class="jwl-nowrap" title={moment(started)}>
        {ago(started, now)}
      </td>
      <td class="jwl-number">{duration((Number.isNaN(closed) ? now : closed) - started)}</td>
    </tr>
  );
}

interface OpenedProps {
  link: Link;
  topic: string;
  id: string;
  runId: string;
  host: RunHost;
}

/** A run that was opened from elsewhere: a list, the inbox, its parent. */
export function OpenedRun({ link, topic, id, runId, host }: OpenedProps) {
  const [found, setFound] = useState<string | null>(null);
  const [error, setError] = useState<string | null>(null);
  useEffect(() => {
    link.ask({ type: "open", topic, workflow_id: id, run_id: runId }).then(
      answer => setFound(answer.topic),
      (reason: unknown) => setError(reason instanceof Error ? reason.message : String(reason)),
    );
  }, [link, id, runId]);
  const model = useMemo(() => (found ? new RunModel(found, link) : null), [found, link]);
  useEffect(() => () => model?.close(), [model]);
  return (
    <div class="jwl-nested">
      <Alert message={error} />
      {model && <RunCard model={model} host={host} />}
    </div>
  );
}
