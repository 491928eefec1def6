import type { CommandRegistry } from "@lumino/commands";
import type { RunHost } from "../components/run_card";
import { COMMANDS } from "./commands";

/** What JupyterLab can do for what is shown; each is a command, so that no part needs to know another. */
export function hostOf(commands: CommandRegistry): RunHost {
  return {
    showCell: ({ cell_id, line }, notebook) => void commands.execute(COMMANDS.showCell, { cell_id, line, notebook }),
    openRun: (id, runId) => void commands.execute(COMMANDS.openRun, { id, run_id: runId }),
    startAgain: run => void commands.execute(COMMANDS.openWorkflow, { digest: run.bundle, name: run.workflow }),
  };
}
