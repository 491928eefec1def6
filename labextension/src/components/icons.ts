// The signs of statuses: never a colour alone. Each is one path in a box of 16 x 16, stroked unless filled.

import type { ShownStatus } from "./columns";
import type { Diagnostic, Run } from "../schema";
import type { Tone } from "./scene";

export type AnyStatus = ShownStatus | Run["status"] | Diagnostic["severity"] | "open" | "undone";

interface Sign {
  tone: Tone;
  path: string;
  filled?: boolean;
}

const RING = "M14.2 8a6.2 6.2 0 1 1-12.4 0a6.2 6.2 0 1 1 12.4 0z";
const CHECK = "M3.2 8.6l3 3 6.6-7";
const CROSS = "M4 4l8 8M12 4l-8 8";
const CLOCK = `${RING}M8 4.6V8l2.4 1.6`;
const PERSON = "M10.6 5a2.6 2.6 0 1 1-5.2 0a2.6 2.6 0 1 1 5.2 0zM2.8 14c.4-3 2.5-4.6 5.2-4.6s4.8 1.6 5.2 4.6";

export const SIGNS: Record<AnyStatus, Sign> = {
  scheduled: { tone: "off", path: RING },
  running: { tone: "run", path: "M4.5 2.8v10.4l8.6-5.2z", filled: true },
  retrying: { tone: "wait", path: "M13 8a5 5 0 1 1-1.6-3.7M13 2.2v3h-3" },
  waiting: { tone: "wait", path: CLOCK },
  completed: { tone: "ok", path: CHECK },
  approved: { tone: "ok", path: CHECK },
  rejected: { tone: "fail", path: CROSS },
  failed: { tone: "fail", path: CROSS },
  error: { tone: "fail", path: CROSS },
  timed_out: { tone: "fail", path: CLOCK },
  cancelled: { tone: "off", path: `${RING}M3.8 12.2l8.4-8.4` },
  terminated: { tone: "off", path: "M4 4h8v8h-8z", filled: true },
  continued_as_new: { tone: "run", path: "M2.5 8h10M9 4.2L12.8 8 9 11.8" },
  open: { tone: "wait", path: PERSON },
  undone: { tone: "run", path: "M6 3L2.6 6.4 6 9.8M3 6.4h6.2a3.6 3.6 0 0 1 0 7.2H6.4" },
  warning: { tone: "wait", path: "M8 2.6v7M8 12.6v.8" },
};
