import { useEffect, useState } from "preact/hooks";
import type { Attempt, CellLocation, Checked, StepDetails as Details } from "../schema";
import { Fork, Resume } from "./resume";
import type { RunHost } from "./run_card";
import type { RunModel } from "./run_model";
import { Pill } from "./status";
import { Alert, FailureView, Place, Value } from "./text_views";
import { TokenStream } from "./token_stream";
import { oneLine } from "./untrusted";
import { duration, moment, percent, statusWords, time, usageWords } from "./words";

interface DetailsProps {
  model: RunModel;
  index: number;
  onClose: () => void;
  onShow?: ((at: CellLocation) => void) | undefined;
  onOpenChild?: ((workflowId: string) => void) | undefined;
  onResumed?: ((topic: string) => void) | undefined;
  host?: RunHost | undefined;
}

/** All that is known of one step; fetched when it is asked for, and again when the step changes. */
export function StepDetails({ model, index, onClose, onShow, onOpenChild, onResumed, host }: DetailsProps) {
  const [found, error] = useDetails(model, index);
  const { steps } = model;
  const id = model.stepId(index);
  const tokens = model.tokens.get(id);
  const place = found?.step.location ?? model.names[steps.name[index]!]?.location ?? null;
  return (
    <section
      class="jwl-details"
      aria-label={`Step ${oneLine(id, 80)}`}
      onKeyDown={event => {
        if (event.key === "Escape") onClose();
      }}
    >
      <header class="jwl-row">
        <Pill status={steps.statusOf(index)} />
        <b class="jwl-any">{oneLine(id, 120)}</b>
        <Place at={place} onShow={onShow} />
        <button type="button" class="jwl-right jwl-quiet" aria-label="Close the details" onClick={onClose}>
          ✕
        </button>
      </header>
      <Facts model={model} index={index} />
      {onResumed && (
        <div class="jwl-row">
          <Resume key={id} model={model} host={host} step={id} onResumed={onResumed} />
          <Fork key={`fork ${id}`} model={model} host={host} step={id} onForked={onResumed} />
        </div>
      )}
      <Alert message={error} />
      {tokens && <TokenStream tokens={tokens} label={`Text of ${oneLine(id, 80)}`} />}
      {found && <Found found={found} onShow={onShow} onOpenChild={onOpenChild} />}
    </section>
  );
}

/** The step in full once it is there, or why it can't be had. */
function useDetails(model: RunModel, index: number): [Details | null, string | null] {
  const [details, setDetails] = useState<Details | null>(null);
  const [error, setError] = useState<string | null>(null);
  const { steps } = model;
  const id = model.stepId(index);
  const state = `${id} ${steps.status[index]} ${steps.attempt[index]} ${steps.finished[index]} ${steps.progress[index]}`;
  useEffect(() => {
    let wanted = true;
    model.details(index).then(
      found => {
        if (!wanted) return;
        setDetails(found);
        setError(null);
      },
      (reason: unknown) => wanted && setError(reason instanceof Error ? reason.message : String(reason)),
    );
    return () => {
      wanted = false;
    };
  }, [model, state]);
  return [details?.step.id === id ? details : null, error];
}

type FoundProps = { found: Details } & Pick<DetailsProps, "onShow" | "onOpenChild">;

function Found({ found, onShow, onOpenChild }: FoundProps) {
  const { step } = found;
  const child = step.child_run;
  return (
    <>
      {step.summary && <div class="jwl-said">{oneLine(step.summary, 300)}</div>}
      {step.undoes && <div class="jwl-said">Undoes {oneLine(step.undoes, 200)}</div>}
      {step.usage && <div class="jwl-said">Models: {usageWords(step.usage)}</div>}
      {step.checked && <Check checked={step.checked} />}
      {step.failure && <FailureView failure={step.failure} onShow={onShow} />}
      <div class="jwl-values">
        <Value label="input" value={found.input} />
        <Value label="output" value={found.output} />
        <Value label="last heartbeat" value={found.heartbeat} />
      </div>
      {step.attempts.length > 1 && <Attempts attempts={step.attempts} />}
      {child && onOpenChild && (
        <button type="button" onClick={() => onOpenChild(child)}>
          Show the child run
        </button>
      )}
    </>
  );
}

const OUTCOMES: Record<Checked["outcome"], string> = {
  repeated: "asked again",
  accepted: "taken as partial",
  approved: "let through",
  rejected: "rejected",
  failed: "nothing helped",
};

/** What was doubtful in the answer, and what became of it. */
function Check({ checked }: { checked: Checked }) {
  const by = checked.by ? ` by ${oneLine(checked.by, 80)}` : "";
  return (
    <div class="jwl-said" role="group" aria-label="Check of the answer">
      <b>Doubtful, {OUTCOMES[checked.outcome] + by}</b>
      <ul>
        {checked.doubts.map((doubt, place) => (
          <li key={place}>
            {doubt.field && <code>{oneLine(doubt.field, 120)}</code>} {oneLine(doubt.reason, 500)}
          </li>
        ))}
        {checked.edits.map((edit, place) => (
          <li key={`edit ${place}`}>
            edited <code>{oneLine(edit.path, 120)}</code>: {oneLine(String(edit.before), 120)} →{" "}
            {oneLine(String(edit.after), 120)}
          </li>
        ))}
      </ul>
    </div>
  );
}

/** When, how long in the queue, how long at work. */
function Facts({ model, index }: { model: RunModel; index: number }) {
  const { steps } = model;
  const end = steps.isOpen(index) ? model.now() : steps.finished[index]!;
  const works = steps.kindOf(index) === "activity" || steps.kindOf(index) === "child";
  const facts: [string, string][] = [
    ["kind", steps.kindOf(index)],
    ["scheduled", moment(steps.scheduled[index]!)],
    ["in queue", works ? duration((steps.started[index]! || end) - steps.scheduled[index]!) : ""],
    [works ? "ran" : "waited", duration(end - (works ? steps.started[index]! : steps.scheduled[index]!))],
    ["attempt", steps.attempt[index]! > 1 ? String(steps.attempt[index]) : ""],
    ["done", percent(steps.shareOf(index))],
    ["due", steps.isOpen(index) ? moment(steps.due[index]!) : ""],
  ];
  return (
    <dl class="jwl-facts">
      {facts
        .filter(([, value]) => value)
        .map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
    </dl>
  );
}

function Attempts({ attempts }: { attempts: Attempt[] }) {
  return (
    <div class="jwl-table-box" tabIndex={0} role="group" aria-label="Attempts">
      <table class="jwl-table">
        <thead>
          <tr>
            <th scope="col">Attempt</th>
            <th scope="col">Status</th>
            <th scope="col">Began</th>
            <th scope="col">Error</th>
          </tr>
        </thead>
        <tbody>
          {attempts.map(attempt => (
            <tr key={attempt.number}>
              <td class="jwl-number">{attempt.number}</td>
              <td class="jwl-nowrap">{statusWords(attempt.status)}</td>
              <td class="jwl-nowrap">{moment(time(attempt.started_at))}</td>
              <td class="jwl-any jwl-error">
                {attempt.failure && `${oneLine(attempt.failure.type, 60)}: ${oneLine(attempt.failure.message, 200)}`}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
