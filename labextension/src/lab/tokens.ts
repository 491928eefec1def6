import { Token } from "@lumino/coreutils";
import type { Session } from "./session";
import type { Settings } from "./settings";

/** The page's connection to the runs. */
export const IWorkflows = new Token<Session>(
  "jupyter-workflows:IWorkflows",
  "The page's connection to runs, lists and the inbox, through the Jupyter server.",
);

/** The settings of workflows. */
export const ISettings = new Token<Settings>("jupyter-workflows:ISettings", "The settings of workflows.");
