import type { Approval, AskAct, AskDecision } from "../schema";
import type { Link } from "./protocol";

/** What a reviewer says. */
export interface Said {
  verdict: AskDecision["verdict"];
  reviewer: string | null;
  comment: string | null;
  form: Record<string, unknown> | null;
  value: unknown;
  edited: boolean;
}

/** Sends what a reviewer says to an approval of a topic, with the hash of what the reviewer was shown. */
export function decider(link: Link, topic: string): (approval: Approval, said: Said) => Promise<unknown> {
  return (approval, said) =>
    link.ask({
      type: "decide",
      topic,
      approval: approval.id,
      workflow_id: approval.workflow_id,
      run_id: approval.run_id,
      content_hash: approval.content_hash,
      ...said,
    });
}

/** Sends what a person does about an approval of a topic without deciding it. */
export function actor(link: Link, topic: string): (approval: Approval, act: AskAct["act"]) => Promise<unknown> {
  return (approval, act) =>
    link.ask({
      type: "act",
      topic,
      approval: approval.id,
      workflow_id: approval.workflow_id,
      run_id: approval.run_id,
      content_hash: approval.content_hash,
      reviewer: null,
      act,
    });
}
