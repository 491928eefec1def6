import type { JupyterFrontEnd } from "@jupyterlab/application";
import type { ICommandPalette } from "@jupyterlab/apputils";
import { COMMANDS } from "./commands";
import { workflowsIcon } from "./icons";
import { offer, texts } from "./palette";
import type { Sidebar } from "./sidebar";

/** The command that shows the sidebar. */
export function addSidebarCommand(app: JupyterFrontEnd, sidebar: Sidebar, palette: ICommandPalette | null): void {
  app.commands.addCommand(COMMANDS.showSidebar, {
    label: "Show Inbox and Runs of Workflows",
    caption: "Show the approvals that wait and the newest runs",
    icon: workflowsIcon,
    describedBy: texts([]),
    execute: () => {
      app.shell.activateById(sidebar.id);
      sidebar.focus();
    },
  });
  offer(palette, [COMMANDS.showSidebar]);
}
