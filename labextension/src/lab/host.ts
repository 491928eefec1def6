import type { ServerConnection } from "@jupyterlab/services";
import type { CommandRegistry } from "@lumino/commands";
import { save } from "../components/downloads";
import type { RunHost } from "../components/run_card";
import type { Run } from "../schema";
import { COMMANDS } from "./commands";
import { request } from "./rest";

/** What JupyterLab can do for what is shown; each is a command, so that no part needs to know another. */
export function hostOf(commands: CommandRegistry, settings: ServerConnection.ISettings): RunHost {
  return {
    showCell: ({ cell_id, line }, notebook) => void commands.execute(COMMANDS.showCell, { cell_id, line, notebook }),
    openRun: (id, runId) => void commands.execute(COMMANDS.openRun, { id, run_id: runId }),
    openRuns: () => void commands.execute(COMMANDS.openRuns),
    startAgain: run => void commands.execute(COMMANDS.openWorkflow, { digest: run.bundle, name: run.workflow }),
    exportWorkflow: (name, digest) => void commands.execute(COMMANDS.exportWorkflow, { name, digest }),
    bundleCells: async ({ notebook, workflow }) =>
      commands.hasCommand(COMMANDS.bundleCells)
        ? String(await commands.execute(COMMANDS.bundleCells, { notebook, workflow }))
        : "",
    audit: (run, what) => saveAudit(settings, run, what),
  };
}

/** Has the server write the audit file of a run, and lets the reader keep it or its report. */
async function saveAudit(settings: ServerConnection.ISettings, run: Run, what: "file" | "report"): Promise<void> {
  const path = `runs/${encodeURIComponent(run.id)}/audit?run_id=${encodeURIComponent(run.run_id)}`;
  const answer = await request<{ name: string; file: string; report: string }>(settings, path);
  if (what === "file") save(answer.name, new Blob([answer.file], { type: "application/jsonl" }));
  else save(answer.name.replace(/\.audit\.jsonl$/, ".html"), new Blob([answer.report], { type: "text/html" }));
}
