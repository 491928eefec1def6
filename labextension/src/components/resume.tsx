import { useState } from "preact/hooks";
import type { Answer } from "../schema";
import { useAction, useOpened } from "./hooks";
import type { RunHost } from "./run_card";
import type { RunModel } from "./run_model";
import { Alert } from "./text_views";
import { printable } from "./untrusted";

interface PlannedProps {
  /** What the button says before anything was looked at, and what it asks then. */
  label: string;
  question: string;
  verb: string;
  doing: string;
  /** Sees to it that the newest code is at hand, and says which that is. */
  prepare: () => Promise<string>;
  /** Asks for the plan, or to carry it out. */
  ask: (plan: boolean) => Promise<Answer>;
  /** Called with the topic of what was begun. */
  onDone: (topic: string) => void;
  /** What a person can still change, shown above the plan. */
  children?: (look: () => void) => preact.ComponentChildren;
}

/** Something that is shown as a plan first, and done when a person says yes. */
function Planned({ label, question, verb, doing: words, prepare, ask, onDone, children }: PlannedProps) {
  const opened = useOpened<HTMLButtonElement, HTMLDivElement>();
  const [plan, setPlan] = useState<string | null>(null);
  const [code, setCode] = useState("");
  const [doing, act] = useAction();
  const look = () => {
    if (doing.busy) return;
    // The form stays, also where the plan is refused: what is in it may be what has to change.
    if (children) opened.open();
    setPlan(null);
    void act(async () => {
      setCode(await prepare());
      setPlan((await ask(true)).plan);
      if (!children) opened.open();
    });
  };
  const carryOut = () => {
    if (doing.busy || plan === null) return;
    void act(async () => {
      const answer = await ask(false);
      opened.close();
      if (answer.topic) onDone(answer.topic);
    });
  };
  if (!opened.isOpen)
    return (
      <>
        <button type="button" class="jwl-quiet" ref={opened.opener} aria-disabled={doing.busy} onClick={look}>
          {doing.busy ? "looking…" : label}
        </button>
        <Alert message={doing.error} />
      </>
    );
  return (
    <div
      class="jwl-resume"
      role="group"
      aria-label={question}
      aria-busy={doing.busy}
      ref={opened.panel}
      tabIndex={-1}
      onKeyDown={opened.onKeyDown}
    >
      {children?.(look)}
      {plan !== null && code && <div class="jwl-help jwl-taken">{code}</div>}
      {plan !== null && <PlanText text={plan} />}
      {plan === null && doing.busy && <div class="jwl-muted">looking…</div>}
      <Alert message={doing.error} />
      <span class="jwl-row">
        <button type="button" class="jwl-approve" aria-disabled={doing.busy || plan === null} onClick={carryOut}>
          {doing.busy && plan !== null ? words : `Yes, ${verb}`}
        </button>
        <button type="button" class="jwl-quiet" onClick={opened.close}>
          No
        </button>
      </span>
    </div>
  );
}

/** A plan, whose lines keep their indent where they are broken. */
function PlanText({ text }: { text: string }) {
  return (
    <div class="jwl-mono jwl-plan" dir="auto">
      {text.split("\n").map((line, at) => (
        <div key={at} style={{ paddingInlineStart: `${line.search(/\S|$/) + 2}ch` }}>
          {printable(line.trim(), 1_000)}
        </div>
      ))}
    </div>
  );
}

interface ResumeProps {
  model: RunModel;
  host?: RunHost | undefined;
  /** The step from which things are to run again; without one, what failed. */
  step?: string;
  /** Called with the topic of the execution that goes on. */
  onResumed: (topic: string) => void;
}

/** Goes on with corrected code; first it is shown what that keeps and what happens twice. */
export function Resume({ model, host, step, onResumed }: ResumeProps) {
  const asked = { type: "resume" as const, topic: model.topic, from_step: step ?? null };
  return (
    <Planned
      label={step ? "Resume from here…" : "Resume…"}
      question="Resume this run?"
      verb="resume"
      doing="resuming…"
      prepare={preparation(model, host)}
      ask={plan => model.link.ask({ ...asked, plan })}
      onDone={onResumed}
    />
  );
}

/** Runs another branch beside the run, from a step or wherever the arguments given here make a difference. */
export function Fork({
  model,
  host,
  step,
  onForked,
}: Omit<ResumeProps, "onResumed"> & { onForked: (topic: string) => void }) {
  const [changes, setChanges] = useState("");
  const ask = async (plan: boolean) => {
    const asked = { type: "fork" as const, topic: model.topic, from_step: step ?? null };
    return model.link.ask({ ...asked, changes: objectOf(changes), plan });
  };
  return (
    <Planned
      label={step ? "Fork from here…" : "Fork…"}
      question="Run another branch beside this run?"
      verb="fork"
      doing="forking…"
      prepare={preparation(model, host)}
      ask={ask}
      onDone={onForked}
    >
      {look => (
        <label class="jwl-changes">
          Other arguments, as JSON
          <span class="jwl-row">
            <input
              type="text"
              class="jwl-mono"
              placeholder='{"model": "small"}'
              value={changes}
              onInput={event => setChanges(event.currentTarget.value)}
              onChange={look}
            />
            <button type="button" class="jwl-quiet" onClick={look}>
              Look again
            </button>
          </span>
        </label>
      )}
    </Planned>
  );
}

/** What a host does before a plan is made; one that has the cells itself need do nothing. */
function preparation(model: RunModel, host: RunHost | undefined): () => Promise<string> {
  return async () => (host?.bundleCells && model.head ? host.bundleCells(model.head.run) : "");
}

/** The values by name that a text gives; nothing for an empty one. */
function objectOf(text: string): Record<string, unknown> {
  if (!text.trim()) return {};
  let value: unknown = null;
  try {
    value = JSON.parse(text);
  } catch {
    // Said below.
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new Error('The other arguments are a JSON object of names and values, such as {"model": "small"}.');
  return value as Record<string, unknown>;
}
