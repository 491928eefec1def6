import { useState } from "preact/hooks";
import type { Effect, Rollback, RunHead } from "../schema";
import { useAction, useOpened } from "./hooks";
import type { AnyStatus } from "./icons";
import { OpenedRun } from "./run_list";
import type { RunHost } from "./run_card";
import type { RunModel } from "./run_model";
import { Icon } from "./status";
import { may } from "./rights";
import { Alert } from "./text_views";
import { oneLine, printable } from "./untrusted";
import { count } from "./words";

type EffectStatus = Effect["status"];

/** What became of an effect, as the text and static HTML views say it. */
const WORDS: Record<EffectStatus, string> = {
  done: "can be undone",
  undoing: "is being undone",
  undone: "undone",
  stuck: "could not be undone",
  kept: "left as it is",
  irreversible: "can't be undone",
  uncertain: "may have come to pass",
};
const SIGNS: Record<EffectStatus, AnyStatus> = {
  done: "completed",
  undoing: "running",
  undone: "undone",
  stuck: "failed",
  kept: "cancelled",
  irreversible: "terminated",
  uncertain: "warning",
};
const BY: EffectStatus[] = ["done", "undoing", "undone", "stuck"];
const UNDO_RUN = "jupyter_workflows.undo";
const CAUSES: Record<Rollback["cause"], string> = {
  failed: "because it failed",
  cancelled: "because it was cancelled",
  asked: "as asked",
};
const SHOWN = 100;

function effectWords(effect: Effect): string {
  const undo = effect.undo === UNDO_RUN ? "a run of its own" : effect.undo && oneLine(effect.undo, 60);
  return WORDS[effect.status] + (undo && BY.includes(effect.status) ? ` by ${undo}` : "");
}

/** `3 effects: 2 undone, 1 can't be undone`. */
function counted(effects: Effect[]): string {
  const parts = (Object.keys(WORDS) as EffectStatus[])
    .map(status => ({ status, many: effects.filter(effect => effect.status === status).length }))
    .filter(({ many }) => many)
    .map(({ status, many }) => `${many} ${WORDS[status]}`);
  return `${count(effects.length, "effect")}: ${parts.join(", ")}`;
}

function EffectList({ effects }: { effects: Effect[] }) {
  return (
    <ul class="jwl-effects" aria-label="Effects">
      {effects.slice(0, SHOWN).map(effect => (
        <li key={effect.step}>
          <Icon status={SIGNS[effect.status]} />
          <span class="jwl-mono jwl-any">{oneLine(effect.step, 80)}</span>
          <span class="jwl-muted jwl-any">{effectWords(effect)}</span>
        </li>
      ))}
      {effects.length > SHOWN && <li class="jwl-muted">and {count(effects.length - SHOWN, "more effect")}</li>}
    </ul>
  );
}

/** What the steps of a run did to the world, why it is rolled back, and the run that undoes it. */
export function Effects({ model, host }: { model: RunModel; host: RunHost }) {
  const { rollback, effects } = model.head!;
  const [shown, setShown] = useState(false);
  if (!rollback && !effects.length) return null;
  const elsewhere = effects.find(effect => effect.undone_in)?.undone_in;
  return (
    <div class="jwl-rollback">
      {rollback && <Why rollback={rollback} />}
      {effects.length > 0 && (
        <details open={!!rollback}>
          <summary>{counted(effects)}</summary>
          <EffectList effects={effects} />
        </details>
      )}
      {elsewhere && !shown && (
        <button type="button" class="jwl-quiet" onClick={() => setShown(true)}>
          Show the run that undid it
        </button>
      )}
      {elsewhere && shown && (
        <OpenedRun key={elsewhere} link={model.link} topic={model.topic} id={elsewhere} runId="" host={host} />
      )}
    </div>
  );
}

function Why({ rollback }: { rollback: Rollback }) {
  const doing = rollback.finished_at ? "Rolled back" : "Rolling back";
  return (
    <div class="jwl-note jwl-wait">
      <b>
        {doing} {CAUSES[rollback.cause]}
        {rollback.by ? ` by ${oneLine(rollback.by, 80)}` : ""}
      </b>
      {rollback.of_run && <div class="jwl-muted jwl-any">what run {oneLine(rollback.of_run, 200)} did</div>}
      {rollback.reason && <div class="jwl-said">{printable(rollback.reason, 2_000)}</div>}
    </div>
  );
}

/** Whether a person can have a run rolled back now. */
export function canRollBack(head: RunHead): boolean {
  if (!may(head, "write runs")) return false;
  return !head.rollback?.of_run && (head.run.status === "running" ? !head.rollback : true) && head.effects_left > 0;
}

/** Lists what would be undone, what is and what can't be; undoes it when a person says so. */
export function RollBack({ model, onUndo }: { model: RunModel; onUndo: (topic: string) => void }) {
  const opened = useOpened<HTMLButtonElement, HTMLFormElement>();
  const [reason, setReason] = useState("");
  const [doing, act] = useAction();
  const head = model.head!;
  if (!opened.isOpen)
    return (
      <div class="jwl-row jwl-offer">
        <button type="button" class="jwl-quiet" ref={opened.opener} onClick={opened.open}>
          Roll back…
        </button>
        <Alert message={doing.error} />
      </div>
    );
  const undo = (event: Event) => {
    event.preventDefault();
    if (doing.busy) return;
    void act(async () => {
      const answer = await model.link.ask({ type: "roll_back", topic: model.topic, reason });
      opened.close();
      if (answer.topic) onUndo(answer.topic);
    });
  };
  return (
    <form
      class="jwl-answer"
      aria-label="Roll this run back?"
      ref={opened.panel}
      tabIndex={-1}
      onSubmit={undo}
      onKeyDown={opened.onKeyDown}
    >
      <b>{counted(head.effects)}</b>
      <EffectList effects={head.effects} />
      <div class="jwl-muted">
        {head.run.status === "running" ? "The run is cancelled. " : "Another run does it, on the same code. "}
        What can be undone is undone, the last first.
      </div>
      <label class="jwl-field">
        <span class="jwl-label">reason</span>
        <input type="text" maxLength={2000} value={reason} onInput={event => setReason(event.currentTarget.value)} />
      </label>
      <div class="jwl-row">
        <button type="submit" class="jwl-reject" aria-disabled={doing.busy}>
          {doing.busy ? "rolling back…" : `Undo ${count(head.effects_left, "effect")}`}
        </button>
        <button type="button" class="jwl-quiet" onClick={opened.close}>
          No
        </button>
      </div>
      <Alert message={doing.error} />
    </form>
  );
}
