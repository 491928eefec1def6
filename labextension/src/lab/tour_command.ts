import type { JupyterFrontEnd } from "@jupyterlab/application";
import { type ICommandPalette, Notification } from "@jupyterlab/apputils";
import type { IDocumentManager } from "@jupyterlab/docmanager";
import type { IDefaultFileBrowser } from "@jupyterlab/filebrowser";
import type { ILauncher } from "@jupyterlab/launcher";
import { COMMANDS } from "./commands";
import { workflowsIcon } from "./icons";
import { offer, texts, textOf } from "./palette";
import { copyTour } from "./tour";

/** The command that copies the tour into the current folder and opens it, with its card in the launcher. */
export function addTourCommand(
  app: JupyterFrontEnd,
  documents: IDocumentManager,
  browser: IDefaultFileBrowser | null,
  palette: ICommandPalette | null,
  launcher: ILauncher | null,
): void {
  app.commands.addCommand(COMMANDS.openTour, {
    label: "Workflow tour",
    caption: "A notebook that shows durable workflows: copies it into this folder and opens it",
    icon: workflowsIcon,
    describedBy: texts([], ["cwd"]),
    execute: async ({ cwd }) => {
      const folder = textOf(cwd) ?? browser?.model.path ?? "";
      try {
        return documents.openOrReveal(await copyTour(documents.services.contents, folder));
      } catch (error) {
        Notification.error(`The tour can't be copied into ${folder || "the top folder"}: ${String(error)}`);
        return undefined;
      }
    },
  });
  launcher?.add({ command: COMMANDS.openTour, category: "Notebook", rank: 100 });
  offer(palette, [COMMANDS.openTour]);
}
