import { useMemo, useState } from "preact/hooks";
import type { BundledActivity, BundledWorkflow, CellLocation, Diagnostic, WorkflowState } from "../schema";
import { useAction, useChanges } from "./hooks";
import { JsonForm } from "./json_form";
import { fieldsOf, initialValues, problems } from "./json_schema";
import type { StateModel } from "./list_models";
import { Notice } from "./notice";
import { may } from "./rights";
import { cellShower, NestedRun, type RunHost } from "./run_card";
import { Icon } from "./status";
import { Alert, Place } from "./text_views";
import { oneLine, printable } from "./untrusted";
import { count } from "./words";

/** What a workflow cell gave: signature, steps in order, where each function lives, diagnostics, a form to start it. */
export function WorkflowCard({ model, host }: { model: StateModel<WorkflowState>; host: RunHost }) {
  useChanges(model);
  const [started, setStarted] = useState<string[]>([]);
  const { state } = model;
  if (!state)
    return (
      <section class="jwl" aria-busy="true" aria-label="Workflow">
        <Notice model={model} />
      </section>
    );
  const { workflow } = state;
  const errors = state.diagnostics.filter(each => each.severity === "error");
  return (
    <section class="jwl" aria-label={`Workflow ${oneLine(workflow.name, 80)}`}>
      <header class="jwl-bar">
        <span class="jwl-tag">workflow</span>
        <span class="jwl-any">
          <b class="jwl-title">{oneLine(workflow.name, 80)}</b>
          <span class="jwl-mono jwl-muted">{oneLine(workflow.signature, 200)}</span>
        </span>
        <span class="jwl-right">
          {host.exportWorkflow && !errors.length && may(state, "write workflows") && (
            <button type="button" onClick={() => host.exportWorkflow?.(workflow.name, state.digest)}>
              Export…
            </button>
          )}
          <Place at={placeOf(workflow)} onShow={cellShower(host, null)} />
        </span>
      </header>
      <Notice model={model} />
      {workflow.description && <p class="jwl-lead">{printable(workflow.description, 2_000)}</p>}
      <Flow workflow={workflow} activities={state.activities} host={host} />
      <Diagnostics found={state.diagnostics} host={host} />
      {!may(state, "execute workflows") && <p class="jwl-muted">You may see this workflow, but not start it.</p>}
      {!errors.length && may(state, "execute workflows") && (
        <Start model={model} workflow={workflow} onStarted={topic => setStarted([topic, ...started].slice(0, 5))} />
      )}
      {started.map(topic => (
        <NestedRun key={topic} topic={topic} link={model.link} host={host} />
      ))}
    </section>
  );
}

function placeOf(item: BundledWorkflow | BundledActivity): CellLocation {
  return { cell_id: item.cell_id, cell_number: item.cell_number, line: item.line, column: null, source_line: null };
}

/** The activities in the order of the source; a workflow's code decides which of them run. */
function Flow({
  workflow,
  activities,
  host,
}: {
  workflow: BundledWorkflow;
  activities: BundledActivity[];
  host: RunHost;
}) {
  const byFunction = new Map(activities.map(each => [each.function, each]));
  if (!workflow.activities.length) return null;
  return (
    <ol class="jwl-flow" aria-label="Activities in the order of the source">
      {workflow.activities.slice(0, 60).map((name, at) => {
        const activity = byFunction.get(name);
        return (
          <li key={at} title={activity && oneLine(activity.signature, 300)}>
            <span class="jwl-chip">
              <b>{oneLine(name, 60)}</b>
              {activity && <Place at={placeOf(activity)} onShow={cellShower(host, null)} />}
            </span>
          </li>
        );
      })}
    </ol>
  );
}

function Diagnostics({ found, host }: { found: Diagnostic[]; host: RunHost }) {
  if (!found.length) return null;
  return (
    <ul class="jwl-diagnostics" aria-label="Diagnostics">
      {found.slice(0, 100).map((each, at) => (
        <li key={at} class={`jwl-note jwl-${each.severity === "error" ? "fail" : "wait"}`}>
          <Icon status={each.severity} /> <code>{oneLine(each.code, 12)}</code> {printable(each.message, 1_000)}.{" "}
          {printable(each.remedy, 1_000)} <Place at={each.location} onShow={cellShower(host, null)} />
          {each.location?.source_line && <pre class="jwl-code">{oneLine(each.location.source_line, 200)}</pre>}
        </li>
      ))}
    </ul>
  );
}

interface StartProps {
  model: StateModel<WorkflowState>;
  workflow: BundledWorkflow;
  onStarted: (topic: string) => void;
}

/** The form to start a run, made from the type hints. */
function Start({ model, workflow, onStarted }: StartProps) {
  const fields = useMemo(() => fieldsOf(workflow.parameters_schema), [JSON.stringify(workflow.parameters_schema)]);
  const [values, setValues] = useState(() => initialValues(fields));
  const [tried, setTried] = useState(false);
  const [doing, act] = useAction();
  const wrong = problems(fields, values);
  const start = (event: Event) => {
    event.preventDefault();
    setTried(true);
    if (wrong.size || doing.busy) return;
    void act(async () => {
      const answer = await model.link.ask({ type: "start", topic: model.topic, arguments: values });
      if (answer.topic) onStarted(answer.topic);
    });
  };
  return (
    <form class="jwl-answer" onSubmit={start}>
      <JsonForm
        fields={fields}
        values={values}
        problems={tried ? wrong : new Map()}
        disabled={doing.busy}
        onChange={setValues}
      />
      <div class="jwl-row">
        <button type="submit" class="jwl-approve" aria-disabled={doing.busy}>
          {doing.busy ? "starting…" : "Start"}
        </button>
        {tried && wrong.size > 0 && (
          <span class="jwl-muted">{count(wrong.size, "field needs", "fields need")} a look</span>
        )}
      </div>
      <Alert message={doing.error} />
    </form>
  );
}
