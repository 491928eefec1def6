import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { CellLocation, Run, ShownApproval } from "../schema";
import { ApprovalCard } from "./approval_card";
import { Audit } from "./audit";
import { Compare } from "./comparison";
import { actor, decider } from "./decider";
import { canRollBack, Effects, RollBack } from "./effects";
import { useAction, useChanges, useNow, useOpened } from "./hooks";
import { Notice } from "./notice";
import { OpenedRun } from "./run_list";
import type { Link } from "./protocol";
import { Fork, Resume } from "./resume";
import { may } from "./rights";
import { RunModel } from "./run_model";
import type { Filter, StatusFilter } from "./scene";
import { Pill } from "./status";
import { StepDetails } from "./step_details";
import { StepTable } from "./step_table";
import { Alert, FailureView, Value } from "./text_views";
import { Timeline } from "./timeline";
import { TokenStream } from "./token_stream";
import { oneLine, printable } from "./untrusted";
import { count, duration, moment, statusWords, time } from "./words";

/** What a host can do for a run beyond showing it. */
export interface RunHost {
  /** Shows a cell of a notebook; without a name, of the one at hand. */
  showCell?: (at: CellLocation, notebook: string | null) => void;
  /** Shows a run in a place of its own. */
  openRun?: (id: string, runId: string) => void;
  /** Shows the list of runs. */
  openRuns?: () => void;
  /** Offers to start the workflow of a run once more. */
  startAgain?: (run: Run) => void;
  /** Offers to write a workflow of a bundle as a package. */
  exportWorkflow?: (name: string, digest: string) => void;
  /** Has the cells of the run's notebook bundled where that can be done, and says which code will be taken. */
  bundleCells?: (run: Run) => Promise<string>;
  /** Hands over the audit file of a run, or the report of it. */
  audit?: (run: Run, what: "file" | "report") => Promise<void>;
}

/** What shows a cell of one notebook, where the host can. */
export function cellShower(host: RunHost, notebook: string | null): ((at: CellLocation) => void) | undefined {
  const show = host.showCell;
  return show && (at => show(at, notebook));
}

interface RunCardProps {
  model: RunModel;
  host: RunHost;
  /** Whether the reader asked for it just now: the keyboard goes there. */
  isWanted?: boolean;
}

/** One run, live: state, steps over time, approvals that wait, details of a step, how it ended. */
export function RunCard({ model, host, isWanted = false }: RunCardProps) {
  useChanges(model);
  const [selected, setSelected] = useState(-1);
  const [child, setChild] = useState<string | null>(null);
  const [undoing, setUndoing] = useState<string | null>(null);
  const [resumed, setResumed] = useState<string | null>(null);
  const root = useRef<HTMLElement>(null);
  const { head } = model;
  const isKnown = head !== null;
  useEffect(() => {
    if (isKnown && isWanted) root.current?.focus();
  }, [isKnown]);
  if (!head) return <Unknown model={model} host={host} />;
  const waiting = model.approvals.filter(({ approval }) => approval.status === "open" && !model.closed);
  const selectedStep = selected < model.steps.size ? selected : -1;
  return (
    <section ref={root} class="jwl" tabIndex={-1} aria-label={`Run ${oneLine(head.run.id, 80)}`}>
      <Head model={model} host={host} />
      <Notice model={model} />
      <Steps model={model} selected={selectedStep} onSelect={setSelected} />
      {selectedStep >= 0 && (
        <StepDetails
          model={model}
          index={selectedStep}
          onClose={() => {
            setSelected(-1);
            root.current?.querySelector<HTMLElement>(".jwl-timeline-box, .jwl-table-box")?.focus();
          }}
          onShow={cellShower(host, head.run.notebook)}
          onOpenChild={setChild}
          onResumed={may(head, "execute workflows") ? setResumed : undefined}
          host={host}
        />
      )}
      {child && <OpenedRun key={child} link={model.link} topic={model.topic} id={child} runId="" host={host} />}
      <Writing model={model} besides={selectedStep} />
      <Waiting model={model} waiting={waiting} />
      <Ending model={model} host={host} />
      {!resumed && <Corrections model={model} host={host} onBegun={setResumed} />}
      <Branches key={`branches ${resumed}`} model={model} host={host} />
      {resumed && <NestedRun key={resumed} topic={resumed} link={model.link} host={host} />}
      <Effects model={model} host={host} />
      {canRollBack(head) && !undoing && <RollBack model={model} onUndo={setUndoing} />}
      {undoing && <NestedRun key={undoing} topic={undoing} link={model.link} host={host} />}
      <Decided model={model} />
      <Audit head={head} host={host} />
      <Announcer model={model} waiting={waiting.length} />
    </section>
  );
}

/** A run of which nothing was told yet, or that is not there. */
function Unknown({ model, host }: { model: RunModel; host: RunHost }) {
  return (
    <section class="jwl" aria-busy="true" aria-label="Run">
      <Notice model={model} />
      {!model.trouble && <div class="jwl-empty">…</div>}
      {model.liveness === "closed" && host.openRuns && (
        <div class="jwl-empty">
          <button type="button" onClick={host.openRuns}>
            Show the runs there are
          </button>
        </div>
      )}
    </section>
  );
}

/** The approvals that wait. */
function Waiting({ model, waiting }: { model: RunModel; waiting: ShownApproval[] }) {
  return (
    <>
      {waiting.slice(0, 20).map(shown => (
        <ApprovalCard
          key={shown.approval.id}
          shown={shown}
          now={() => model.now()}
          viewer={model.head!}
          onDecide={decider(model.link, model.topic)}
          onAct={actor(model.link, model.topic)}
        />
      ))}
      {waiting.length > 20 && <div class="jwl-empty">and {count(waiting.length - 20, "more approval")}</div>}
    </>
  );
}

/** A run of which only the topic is known. */
export function NestedRun({ topic, link, host }: { topic: string; link: Link; host: RunHost }) {
  const run = useMemo(() => new RunModel(topic, link), [topic, link]);
  useEffect(() => () => run.close(), [run]);
  return (
    <div class="jwl-nested">
      <RunCard model={run} host={host} isWanted />
    </div>
  );
}

function Head({ model, host }: { model: RunModel; host: RunHost }) {
  const { run, arguments: given } = model.head!;
  useNow(1_000);
  const closed = time(run.closed_at);
  const took = duration((Number.isNaN(closed) ? model.now() : closed) - time(run.started_at));
  return (
    <header class="jwl-bar">
      <Pill status={run.status} />
      <span class="jwl-any">
        <b class="jwl-title">{oneLine(run.workflow, 80)}</b>
        <span class="jwl-mono jwl-muted">({oneLine(given.join(", "), 160)})</span>
      </span>
      <span class="jwl-mono jwl-muted jwl-any">{oneLine(run.id, 80)}</span>
      <span class="jwl-right jwl-muted" title={`started ${moment(time(run.started_at))}`}>
        {took}
        {Number.isNaN(closed) ? "…" : ""}
      </span>
      {run.status === "running" && may(model.head, "write runs") && <Cancel model={model} />}
      {run.status !== "running" && host.startAgain && run.bundle && may(model.head, "execute workflows") && (
        <button type="button" class="jwl-quiet" onClick={() => host.startAgain!(run)}>
          Start again…
        </button>
      )}
      {host.openRun && (
        <button type="button" class="jwl-quiet" onClick={() => host.openRun!(run.id, run.run_id)}>
          Open
        </button>
      )}
    </header>
  );
}

/** What can be done where a run did not do what it should, or could do it otherwise. */
function Corrections({ model, host, onBegun }: { model: RunModel; host: RunHost; onBegun: (topic: string) => void }) {
  if (!may(model.head, "execute workflows")) return null;
  return (
    <div class="jwl-row jwl-corrections">
      {model.head!.run.status !== "completed" && <Resume model={model} host={host} onResumed={onBegun} />}
      <Fork model={model} host={host} onForked={onBegun} />
    </div>
  );
}

/** The run that this one was forked from, and those that were forked from it. */
function Branches({ model, host }: { model: RunModel; host: RunHost }) {
  const { forked } = model.head!.run;
  const [forks, setForks] = useState<Run[]>([]);
  const [shown, setShown] = useState<Run | null>(null);
  const origin = forked && { id: forked.id, run_id: forked.run_id };
  useEffect(() => {
    model.link.ask({ type: "forks", topic: model.topic }).then(
      answer => setForks(answer.runs),
      () => setForks([]),
    );
  }, [model]);
  const open = (run: { id: string; run_id: string }) =>
    host.openRun ? host.openRun(run.id, run.run_id) : setShown(run as Run);
  const link = (run: { id: string; run_id: string }) => (
    <button key={run.id} type="button" class="jwl-quiet jwl-mono jwl-any" onClick={() => open(run)}>
      {oneLine(run.id, 80)}
    </button>
  );
  return (
    <>
      {(origin || forks.length > 0) && (
        <div class="jwl-branches">
          {origin && (
            <>
              forked from {link(origin)}
              {forked.from_step && <> from step {oneLine(forked.from_step, 80)}</>}
              {forked.changes.length > 0 && <>, changed: {oneLine(forked.changes.join(", "), 160)}</>}
            </>
          )}
          {forks.length > 0 && <> forks: {forks.slice(0, 20).map(link)}</>}
        </div>
      )}
      <Compare model={model} origin={origin} forks={forks} />
      {shown && (
        <OpenedRun
          key={shown.id}
          link={model.link}
          topic={model.topic}
          id={shown.id}
          runId={shown.run_id}
          host={host}
        />
      )}
    </>
  );
}

/** Ends the run; asks once more first. */
function Cancel({ model }: { model: RunModel }) {
  const { isOpen, open, close, opener, panel, onKeyDown } = useOpened<HTMLButtonElement, HTMLButtonElement>();
  const [doing, act] = useAction();
  const cancel = () => {
    if (!doing.busy) void act(() => model.link.ask({ type: "cancel", topic: model.topic })).then(close);
  };
  if (!isOpen)
    return (
      <>
        <button type="button" class="jwl-quiet" ref={opener} onClick={open}>
          Cancel run
        </button>
        <Alert message={doing.error} />
      </>
    );
  return (
    <span class="jwl-row" role="group" aria-label="Cancel this run?" onKeyDown={onKeyDown}>
      <button type="button" class="jwl-reject" aria-disabled={doing.busy} onClick={cancel} ref={panel}>
        {doing.busy ? "cancelling…" : "Yes, cancel"}
      </button>
      <button type="button" class="jwl-quiet" onClick={close}>
        No
      </button>
    </span>
  );
}

const FILTERS: [StatusFilter, string][] = [
  ["all", "all steps"],
  ["open", "not finished"],
  ["failed", "failed"],
  ["waiting", "waiting"],
  ["retried", "retried"],
];
const SEARCH_FROM = 8;

interface StepsProps {
  model: RunModel;
  selected: number;
  onSelect: (index: number) => void;
}

/** The steps as a timeline or as a table, with search and filter once there are some. */
function Steps({ model, selected, onSelect }: StepsProps) {
  const [asTable, setAsTable] = useState(false);
  const [search, setSearch] = useState("");
  const [status, setStatus] = useState<StatusFilter>("all");
  const filter = useMemo<Filter>(() => ({ search, status }), [search, status]);
  if (!model.steps.size) return <div class="jwl-empty">no steps yet</div>;
  return (
    <div class="jwl-steps">
      <div class="jwl-tools">
        <div role="group" aria-label="Steps as" class="jwl-switch">
          <button type="button" aria-pressed={!asTable} onClick={() => setAsTable(false)}>
            Timeline
          </button>
          <button type="button" aria-pressed={asTable} onClick={() => setAsTable(true)}>
            Table
          </button>
        </div>
        {model.steps.size >= SEARCH_FROM && (
          <>
            <input
              type="search"
              aria-label="Search steps"
              placeholder="Search steps"
              value={search}
              onInput={event => setSearch(event.currentTarget.value)}
            />
            <select
              aria-label="Which steps"
              value={status}
              onChange={event => setStatus(event.currentTarget.value as StatusFilter)}
            >
              {FILTERS.map(([value, words]) => (
                <option key={value} value={value}>
                  {words}
                </option>
              ))}
            </select>
          </>
        )}
        <span class="jwl-muted">{count(model.steps.size, "step")}</span>
      </div>
      {asTable ? (
        <StepTable model={model} filter={filter} selected={selected} onSelect={onSelect} />
      ) : (
        <Timeline model={model} filter={filter} selected={selected} onSelect={onSelect} />
      )}
    </div>
  );
}

/** The texts that steps are writing now. */
function Writing({ model, besides }: { model: RunModel; besides: number }) {
  const chosen = besides >= 0 ? model.stepId(besides) : "";
  return (
    <>
      {[...model.tokens]
        .filter(([step, tokens]) => !tokens.done && step !== chosen && !model.closed)
        .map(([step, tokens]) => (
          <div key={step} class="jwl-writing">
            <div class="jwl-label">{oneLine(step, 80)} writes</div>
            <TokenStream tokens={tokens} label={`Text of ${oneLine(step, 80)}`} />
          </div>
        ))}
    </>
  );
}

function Ending({ model, host }: { model: RunModel; host: RunHost }) {
  const { run, result, failure, reason, stuck } = model.head!;
  const show = cellShower(host, run.notebook);
  return (
    <>
      {stuck && (
        <div class="jwl-stuck">
          <b>The run can't go on until its code is corrected.</b>
          <FailureView failure={stuck} onShow={show} />
        </div>
      )}
      {run.status === "completed" && <Value label="result" value={result} />}
      {failure && run.status !== "completed" && <FailureView failure={failure} onShow={show} />}
      {reason && <div class="jwl-note jwl-off">reason: {printable(reason, 2_000)}</div>}
    </>
  );
}

/** The approvals that were decided: the record of who said what. */
function Decided({ model }: { model: RunModel }) {
  const decided = model.approvals.filter(({ approval }) => approval.status !== "open");
  if (!decided.length) return null;
  return (
    <details class="jwl-decided">
      <summary>{count(decided.length, "decision")}</summary>
      {decided.slice(0, 100).map(shown => (
        <ApprovalCard key={shown.approval.id} shown={shown} now={() => model.now()} />
      ))}
    </details>
  );
}

/** Tells a screen reader what a sighted reader notices: the run's state and what waits. */
function Announcer({ model, waiting }: { model: RunModel; waiting: number }) {
  const { run } = model.head!;
  const words = `${oneLine(run.workflow, 80)} ${statusWords(run.status)}${waiting ? `, ${count(waiting, "approval")} to decide` : ""}`;
  const first = useRef(words);
  return (
    <div class="jwl-unseen" role="status" aria-live="polite">
      {words === first.current ? "" : words}
    </div>
  );
}
