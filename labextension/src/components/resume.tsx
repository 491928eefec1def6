import { useState } from "preact/hooks";
import { useAction } from "./hooks";
import type { RunModel } from "./run_model";
import { Alert } from "./text_views";

interface ResumeProps {
  model: RunModel;
  /** The step from which things are to run again; without one, what failed. */
  step?: string;
  /** Called with the topic of the execution that goes on. */
  onResumed: (topic: string) => void;
}

/** Goes on with corrected code; first it is shown what that keeps and what happens twice. */
export function Resume({ model, step, onResumed }: ResumeProps) {
  const [plan, setPlan] = useState<string | null>(null);
  const [doing, act] = useAction();
  const asked = { type: "resume" as const, topic: model.topic, from_step: step ?? null };
  const look = () =>
    act(async () => {
      setPlan((await model.link.ask({ ...asked, plan: true })).plan);
    });
  const resume = () =>
    act(async () => {
      const answer = await model.link.ask({ ...asked, plan: false });
      setPlan(null);
      if (answer.topic) onResumed(answer.topic);
    });
  if (plan === null)
    return (
      <>
        <button type="button" class="jwl-quiet" disabled={doing.busy} onClick={look}>
          {doing.busy ? "looking…" : step ? "Resume from here…" : "Resume…"}
        </button>
        <Alert message={doing.error} />
      </>
    );
  return (
    <div class="jwl-resume" role="group" aria-label="Resume this run?">
      <pre class="jwl-mono">{plan}</pre>
      <Alert message={doing.error} />
      <span class="jwl-row">
        <button type="button" class="jwl-approve" disabled={doing.busy} onClick={resume}>
          {doing.busy ? "resuming…" : "Yes, resume"}
        </button>
        <button type="button" class="jwl-quiet" disabled={doing.busy} onClick={() => setPlan(null)}>
          No
        </button>
      </span>
    </div>
  );
}
