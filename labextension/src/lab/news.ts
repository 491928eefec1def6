// What a person should be told about: an approval that begins to wait for them, a run that ends badly. Each once, and
// only what happened while the page was looking; what was there before is no news.

import type { Approval, InboxState, Run, RunsState } from "../schema";
import { isAnswerer, waitsFor } from "../components/reviews";
import { oneLine } from "../components/untrusted";
import { statusWords } from "../components/words";

export interface News {
  kind: "approval" | "question" | "failure";
  message: string;
  id: string;
  runId: string;
}

const BAD = new Set<Run["status"]>(["failed", "timed_out", "terminated"]);

function verbOf(approval: Approval, isAsked: boolean): string {
  if (isAsked) return "is asked about";
  return approval.reminded_at.length ? "still waits" : "waits";
}

/** Approvals that are new since the last look. */
export class ApprovalNews {
  private known: Set<string> | null = null;

  look(inbox: InboxState): News[] {
    const { known } = this;
    const now = new Set<string>();
    const news: News[] = [];
    for (const { approval } of inbox.approvals) {
      const { workflow_id: id, run_id: runId } = approval;
      if (!waitsFor(approval, inbox)) continue;
      // A reminder, a new version and a question to the author are news; so is what was handed over to this person.
      const questions = isAnswerer(approval, inbox) ? approval.questions.filter(each => each.answer === null) : [];
      const part = [approval.version, approval.reminded_at.length, ...questions.map(each => `q${each.number}`)].join();
      const key = `${id}/${runId}/${approval.id}/${part}`;
      now.add(key);
      if (!known || known.has(key) || !id || !runId) continue;
      const text = questions.at(-1)?.text ?? approval.message;
      const question = oneLine(text.replace(/^[#>*\s]+/, ""), 120);
      news.push({
        kind: questions.length ? "question" : "approval",
        message: `${oneLine(approval.workflow ?? id, 60)} ${verbOf(approval, questions.length > 0)}: ${question}`,
        id,
        runId,
      });
    }
    // What was decided may not come back, but a list that is cut may leave some out for a while.
    this.known = new Set([...(known ?? []), ...now]);
    return news;
  }
}

/** Runs that ended badly since the last look. */
export class FailureNews {
  private known: Map<string, Run["status"]> | null = null;

  look({ runs }: RunsState): News[] {
    const known = this.known;
    const news: News[] = [];
    const now = new Map(known ?? []);
    for (const run of runs) {
      const before = now.get(run.run_id);
      now.set(run.run_id, run.status);
      if (!known || !BAD.has(run.status) || (before !== undefined && before !== "running")) continue;
      const message = `${oneLine(run.workflow, 60)} ${statusWords(run.status)} (${oneLine(run.id, 60)})`;
      news.push({ kind: "failure", message, id: run.id, runId: run.run_id });
    }
    this.known = now;
    return news;
  }
}
