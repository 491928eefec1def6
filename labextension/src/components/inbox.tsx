import { useState } from "preact/hooks";
import type { Approval, InboxState } from "../schema";
import { ApprovalCard } from "./approval_card";
import { actor, decider } from "./decider";
import { useChanges } from "./hooks";
import type { StateModel } from "./list_models";
import { Notice } from "./notice";
import type { RunHost } from "./run_card";
import { OpenedRun } from "./run_list";
import { waitsFor } from "./reviews";
import { oneLine } from "./untrusted";
import { count } from "./words";

/** The approvals that wait, the longest waiting first. */
export function Inbox({ model, host }: { model: StateModel<InboxState>; host: RunHost }) {
  useChanges(model);
  const [mine, setMine] = useState(false);
  const [open, setOpen] = useState<Approval | null>(null);
  const { state } = model;
  const reviewer = state?.reviewer ?? "";
  const waiting = (state?.approvals ?? []).filter(({ approval }) => !mine || waitsFor(approval, state ?? {}));
  return (
    <section class="jwl" aria-label="Inbox">
      <header class="jwl-bar">
        <b>Inbox</b>
        <span class="jwl-muted" role="status">
          {state
            ? waiting.length
              ? count(waiting.length, "approval waits", "approvals wait")
              : "nothing waits for a decision"
            : "…"}
        </span>
        <label class="jwl-right">
          <input type="checkbox" checked={mine} onChange={event => setMine(event.currentTarget.checked)} /> only for{" "}
          {oneLine(reviewer, 40) || "me"}
        </label>
      </header>
      <Notice model={model} />
      {state && !waiting.length && <NothingWaits mine={mine} />}
      {waiting.slice(0, 100).map(shown => {
        const { approval } = shown;
        const key = `${approval.workflow_id}/${approval.run_id}/${approval.id}`;
        const opened = open?.run_id === approval.run_id && open?.id === approval.id;
        return (
          <div key={key}>
            <ApprovalCard
              shown={shown}
              now={Date.now}
              viewer={state ?? undefined}
              onDecide={decider(model.link, model.topic)}
              onAct={actor(model.link, model.topic)}
              onOpen={opener(approval, host, () => setOpen(opened ? null : approval))}
            />
            {opened && approval.workflow_id && approval.run_id && (
              <OpenedRun
                link={model.link}
                topic={model.topic}
                id={approval.workflow_id}
                runId={approval.run_id}
                host={host}
              />
            )}
          </div>
        );
      })}
    </section>
  );
}

/** What would be here. */
function NothingWaits({ mine }: { mine: boolean }) {
  if (mine) return <div class="jwl-empty">Nothing waits for you.</div>;
  return (
    <div class="jwl-empty">
      What runs ask by <code>human_approval</code> shows up here.
    </div>
  );
}

/** Opens the run of an approval in a place of its own, where the host has one. */
function opener(approval: Approval, host: RunHost, toggle: () => void): () => void {
  const { workflow_id: id, run_id: runId } = approval;
  return host.openRun && id && runId ? () => host.openRun!(id, runId) : toggle;
}
