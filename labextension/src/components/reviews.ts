// Who is asked, what they have said and what is missing: the same words as the text and static HTML views.

import type { Approval, Vote } from "../schema";
import { may, type Viewer } from "./rights";
import { oneLine } from "./untrusted";

const SHOWN = 6;

export const same = (one: string | null | undefined, other: string | null | undefined) =>
  !!one && !!other && one.toLowerCase() === other.toLowerCase();

/** Who may decide now; empty where everybody may. */
export function asked(approval: Approval): string[] {
  return approval.assignees ?? (approval.assignee ? [approval.assignee] : []);
}

/** Whether a person may decide: asked by name, by a group they are in, or everybody is. */
export function isFor(approval: Approval, person: string, groups: readonly string[] = []): boolean {
  const names = asked(approval);
  const known = [person, ...groups.map(group => `group:${group}`)];
  return !names.length || names.some(name => known.some(each => same(name, each)));
}

/** The votes for the version that is shown now. */
export function standing(approval: Approval): Vote[] {
  return approval.votes.filter(vote => vote.version === approval.version);
}

/** Whether an approval waits for a person: for a decision, or for an answer to a reviewer's question. */
export function waitsFor(approval: Approval, viewer: Viewer): boolean {
  const { reviewer: person = "", groups = [] } = viewer;
  const voted = standing(approval).some(vote => same(vote.by, person));
  if (may(viewer, "write approvals") && isFor(approval, person, groups) && !voted) return true;
  return isAnswerer(approval, viewer) && approval.questions.some(question => question.answer === null);
}

/** Whether a person is asked what reviewers want to know. */
export function isAnswerer(approval: Approval, viewer: Viewer): boolean {
  return may(viewer, "write questions") && same(approval.starter, viewer.reviewer);
}

/** `ada, bob or cyd`; of very many the first. */
export function names(all: readonly string[], joint: string): string {
  const shown = all.slice(0, SHOWN).map(name => oneLine(name, 80));
  if (all.length > SHOWN) return `${shown.join(", ")} ${joint} ${all.length - SHOWN} more`;
  return [shown.slice(0, -1).join(", "), ...shown.slice(-1)].filter(Boolean).join(` ${joint} `);
}

/** For whom an approval waits, or whom it was for; empty where that is everybody. */
export function askedWords(approval: Approval): string {
  const voters = standing(approval);
  if (approval.status !== "open") return names(asked(approval), "or");
  const missing = asked(approval).filter(name => !voters.some(vote => same(vote.by, name)));
  const needed = approval.quorum - voters.filter(vote => vote.verdict === "approve").length;
  return names(missing, needed >= missing.length ? "and" : "or");
}

/** Who decided: the one, or all whose votes did. */
export function byWords(approval: Approval): string {
  const verdict = approval.status === "approved" ? "approve" : "reject";
  const voters = standing(approval).filter(vote => vote.verdict === verdict);
  return names(voters.length ? voters.map(vote => vote.by) : [approval.by ?? ""], "and");
}

/** `1 of 2 approved`; empty where one answer decides. */
export function tally(approval: Approval): string {
  if (approval.quorum === 1 && approval.rejections === 1) return "";
  const voters = standing(approval);
  const rejected = voters.filter(vote => vote.verdict === "reject").length;
  const words = [`${voters.length - rejected} of ${approval.quorum} approved`];
  if (rejected) words.push(`${rejected} of ${approval.rejections} rejected`);
  return words.join(", ");
}
