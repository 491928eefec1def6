// The plugins of JupyterLab; what they do stands in the modules beside.

import { ILayoutRestorer, type JupyterFrontEnd, type JupyterFrontEndPlugin } from "@jupyterlab/application";
import { ICommandPalette } from "@jupyterlab/apputils";
import { IDocumentManager } from "@jupyterlab/docmanager";
import { IDefaultFileBrowser } from "@jupyterlab/filebrowser";
import { ILauncher } from "@jupyterlab/launcher";
import { INotebookTracker } from "@jupyterlab/notebook";
import { IRenderMimeRegistry } from "@jupyterlab/rendermime";
import { ISettingRegistry } from "@jupyterlab/settingregistry";
import { IStatusBar } from "@jupyterlab/statusbar";
import { addCellCommands } from "./cell_commands";
import { Cells } from "./cells";
import { hostOf } from "./host";
import { notify } from "./notifications";
import { Output } from "./output";
import { addExportCommand } from "./export_command";
import { addPageCommands } from "./page_commands";
import { Pages } from "./pages";
import { followRights } from "./permission";
import { Session } from "./session";
import { Settings, SETTINGS } from "./settings";
import { Sidebar } from "./sidebar";
import { addSidebarCommand } from "./sidebar_command";
import { StatusItem } from "./status_bar";
import { ISettings, IWorkflows } from "./tokens";
import { MIMES } from "./topics";
import { addTourCommand } from "./tour_command";

const session: JupyterFrontEndPlugin<Session> = {
  id: "jupyter-workflows:session",
  description: "The page's connection to the runs, through the Jupyter server.",
  autoStart: true,
  provides: IWorkflows,
  activate: (app: JupyterFrontEnd) => {
    const found = new Session(app.serviceManager.serverSettings);
    followRights(found, app.commands);
    return found;
  },
};

const settings: JupyterFrontEndPlugin<Settings> = {
  id: SETTINGS,
  description: "The settings of workflows.",
  autoStart: true,
  provides: ISettings,
  optional: [ISettingRegistry],
  activate: async (_app, registry: ISettingRegistry | null) => {
    const found = new Settings();
    // A page without our schema has what holds where nothing is set.
    await registry?.load(SETTINGS).then(
      () => found.follow(registry),
      () => undefined,
    );
    return found;
  },
};

const outputs: JupyterFrontEndPlugin<void> = {
  id: "jupyter-workflows:outputs",
  description: "Shows runs, lists of runs, the inbox and workflows in notebooks, live from the Jupyter server.",
  autoStart: true,
  requires: [IWorkflows, IRenderMimeRegistry],
  activate: (app, found: Session, rendermime: IRenderMimeRegistry) => {
    const createRenderer = ({ mimeType }: { mimeType: string }) =>
      new Output(mimeType, found, hostOf(app.commands, found.settings), rendermime);
    // Before the view that the kernel feeds, whose rank is -10.
    for (const mime of MIMES) rendermime.addFactory({ safe: true, mimeTypes: [mime], createRenderer }, -20);
  },
};

const pages: JupyterFrontEndPlugin<void> = {
  id: "jupyter-workflows:pages",
  description: "Runs, lists of runs, the inbox and workflows as pages.",
  autoStart: true,
  requires: [IWorkflows],
  optional: [ILayoutRestorer, ICommandPalette],
  activate: (app, found: Session, restorer: ILayoutRestorer | null, palette: ICommandPalette | null) => {
    const opened = new Pages(app, found, hostOf(app.commands, found.settings));
    addPageCommands(app, found, opened, palette);
    if (restorer) opened.restoreWith(restorer);
  },
};

const sidebar: JupyterFrontEndPlugin<void> = {
  id: "jupyter-workflows:sidebar",
  description: "The inbox and the newest runs beside the work.",
  autoStart: true,
  requires: [IWorkflows, ISettings],
  optional: [ILayoutRestorer, ICommandPalette],
  activate: (app, found: Session, set: Settings, restorer: ILayoutRestorer | null, palette: ICommandPalette | null) => {
    const made = new Sidebar(app, found, set, hostOf(app.commands, found.settings));
    restorer?.add(made, made.id);
    made.place();
    addSidebarCommand(app, made, palette);
  },
};

const cells: JupyterFrontEndPlugin<void> = {
  id: "jupyter-workflows:cells",
  description: "From a step to its cell, and from a cell or a notebook to its runs.",
  autoStart: true,
  requires: [IWorkflows, INotebookTracker, IDocumentManager],
  optional: [ICommandPalette],
  activate: (app, found: Session, tracker: INotebookTracker, documents: IDocumentManager, palette) => {
    addCellCommands(app, found, tracker, new Cells(app, tracker, documents), palette as ICommandPalette | null);
  },
};

const exporting: JupyterFrontEndPlugin<void> = {
  id: "jupyter-workflows:export",
  description: "Writes a workflow as a package among the server's files.",
  autoStart: true,
  requires: [IWorkflows],
  optional: [INotebookTracker, IDefaultFileBrowser, ICommandPalette],
  activate: (app, found: Session, tracker: INotebookTracker | null, browser, palette) => {
    addExportCommand(app, found, tracker, browser as IDefaultFileBrowser | null, palette as ICommandPalette | null);
  },
};

const status: JupyterFrontEndPlugin<void> = {
  id: "jupyter-workflows:status",
  description: "Whether runs can run and be seen.",
  autoStart: true,
  requires: [IWorkflows],
  optional: [IStatusBar],
  activate: (_app, found: Session, bar: IStatusBar | null) => {
    bar?.registerStatusItem("jupyter-workflows:status", { item: new StatusItem(found), align: "left", rank: 10 });
  },
};

const notifications: JupyterFrontEndPlugin<void> = {
  id: "jupyter-workflows:notifications",
  description: "Tells when an approval waits for the user, and when a run fails.",
  autoStart: true,
  requires: [IWorkflows, ISettings],
  activate: (app, found: Session, set: Settings) => notify(found, set, app.commands),
};

const tour: JupyterFrontEndPlugin<void> = {
  id: "jupyter-workflows:tour",
  description: "The tour in the launcher.",
  autoStart: true,
  requires: [IDocumentManager],
  optional: [ILauncher, IDefaultFileBrowser, ICommandPalette],
  activate: (app, documents: IDocumentManager, launcher: ILauncher | null, browser, palette) => {
    addTourCommand(app, documents, browser as IDefaultFileBrowser | null, palette as ICommandPalette | null, launcher);
  },
};

export default [session, settings, outputs, pages, sidebar, cells, exporting, status, notifications, tour];
