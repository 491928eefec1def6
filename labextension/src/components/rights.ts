// What the person at this view may do, as the host says. The host refuses the rest however it is asked; here it is hidden.

/** Whom a view is for: where the host says nothing of rights, everything. */
export interface Viewer {
  reviewer?: string | undefined;
  groups?: string[] | undefined;
  may?: string[] | null | undefined;
}

export type Right =
  "write approvals" | "write questions" | "write runs" | "execute workflows" | "write workflows" | "read values";

/** Whether the person has a right. */
export function may(viewer: Viewer | null | undefined, right: Right): boolean {
  return !viewer?.may || viewer.may.includes(right);
}
