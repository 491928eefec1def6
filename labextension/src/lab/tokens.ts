import { Token } from "@lumino/coreutils";
import type { Session } from "./session";

/** The page's connection to the runs. */
export const IWorkflows = new Token<Session>(
  "jupyter-workflows:IWorkflows",
  "The page's connection to runs, lists and the inbox, through the Jupyter server.",
);
