import type { JupyterFrontEnd } from "@jupyterlab/application";
import { type ICommandPalette, Notification } from "@jupyterlab/apputils";
import { PageConfig, PathExt } from "@jupyterlab/coreutils";
import type { INotebookTracker } from "@jupyterlab/notebook";
import { runIcon } from "@jupyterlab/ui-components";
import type { Cells } from "./cells";
import { COMMANDS } from "./commands";
import { bundleCells } from "./kernel_code";
import { absoluteOf } from "./places";
import { workflowsIcon } from "./icons";
import { offer, texts, textOf } from "./palette";
import { permitted } from "./permission";
import type { Session } from "./session";
import { runsTopic } from "./topics";

/** The commands about notebooks and their cells. */
export function addCellCommands(
  { commands }: JupyterFrontEnd,
  session: Session,
  tracker: INotebookTracker,
  cells: Cells,
  palette: ICommandPalette | null,
): void {
  commands.addCommand(COMMANDS.showCell, {
    label: "Show the Cell of a Step",
    describedBy: texts(["cell_id"], ["notebook"]),
    execute: ({ cell_id, line, notebook }) =>
      cells.show({ cell_id: String(cell_id), line: Number(line) || 1, notebook: textOf(notebook) ?? null }),
  });
  commands.addCommand(COMMANDS.bundleCells, {
    label: "Bundle the Cells of a Run's Notebook",
    describedBy: texts(["notebook", "workflow"]),
    execute: ({ notebook, workflow }) =>
      bundleCells(tracker, { notebook: textOf(notebook) ?? null, workflow: String(workflow) }),
  });
  commands.addCommand(COMMANDS.notebookRuns, {
    label: ({ toolbar }) => (toolbar ? "" : "Show the Runs of This Notebook"),
    caption: "Show the runs of this notebook",
    icon: workflowsIcon,
    describedBy: texts([]),
    isEnabled: () => tracker.currentWidget !== null,
    execute: () => openRuns(session, tracker, commands, undefined),
  });
  commands.addCommand(COMMANDS.cellRuns, {
    label: "Show the Runs of This Cell's Workflow",
    caption: "Show the runs of this cell's workflow",
    icon: workflowsIcon,
    describedBy: texts([]),
    isVisible: () => cells.defined().length > 0,
    isEnabled: () => cells.defined().length > 0,
    execute: () => openRuns(session, tracker, commands, cells.defined()[0]?.name),
  });
  commands.addCommand(COMMANDS.runCell, {
    label: "Start This Cell's Workflow…",
    caption: "Start this cell's workflow, without the kernel",
    icon: runIcon,
    describedBy: texts([]),
    isVisible: () => permitted(session, COMMANDS.runCell) && cells.defined().length > 0,
    isEnabled: () => cells.defined().length > 0,
    execute: () => {
      const [found] = cells.defined();
      if (!found) return;
      if (found.digest) return commands.execute(COMMANDS.openWorkflow, { name: found.name, digest: found.digest });
      Notification.info(`Run the cell first: ${found.name} was not bundled yet.`);
    },
  });
  offer(palette, [COMMANDS.notebookRuns, COMMANDS.cellRuns, COMMANDS.runCell]);
}

/** Opens the runs of the current notebook, of one workflow where one is named. */
function openRuns(
  session: Session,
  tracker: INotebookTracker,
  commands: JupyterFrontEnd["commands"],
  workflow: string | undefined,
): void {
  const context = tracker.currentWidget?.context;
  if (!context) return;
  const topic = runsTopic({});
  const known = session.lists.take(topic).state?.runs ?? [];
  session.lists.give(topic);
  const notebook = absoluteOf(context.localPath, PageConfig.getOption("serverRoot"), known);
  const label = `Runs of ${workflow ?? PathExt.basename(context.localPath)}`;
  void commands.execute(COMMANDS.openRuns, { label, ...(notebook && { notebook }), ...(workflow && { workflow }) });
}
