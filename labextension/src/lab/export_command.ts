import type { JupyterFrontEnd } from "@jupyterlab/application";
import { Dialog, type ICommandPalette, Notification, showDialog } from "@jupyterlab/apputils";
import { PathExt } from "@jupyterlab/coreutils";
import type { IDefaultFileBrowser } from "@jupyterlab/filebrowser";
import type { INotebookTracker } from "@jupyterlab/notebook";
import type { ServerConnection } from "@jupyterlab/services";
import { shareIcon } from "@jupyterlab/ui-components";
import { oneLine } from "../components/untrusted";
import { COMMANDS } from "./commands";
import { ExportForm, type Wanted } from "./export_form";
import { offer, texts, textOf } from "./palette";
import { permitted } from "./permission";
import { request } from "./rest";
import type { Session } from "./session";

/** What the server says about a package it wrote; see `ExportAnswer` of the server. */
export interface Exported {
  path: string;
  name: string;
  version: string;
  written: string[];
  renewed: string[];
  removed: string[];
  kept: string[];
  conflicts: string[];
  runs: string[];
  notes: string[];
  proof: string | null;
  holds: boolean;
}

const SHOWN_FILES = 5;

/** The command that writes a workflow as a package among the server's files. */
export function addExportCommand(
  { commands }: JupyterFrontEnd,
  session: Session,
  tracker: INotebookTracker | null,
  browser: IDefaultFileBrowser | null,
  palette: ICommandPalette | null,
): void {
  commands.addCommand(COMMANDS.exportWorkflow, {
    label: ({ toolbar }) => (toolbar ? "" : "Export a Workflow as a Package…"),
    caption: "Export a workflow as a package, without the kernel",
    icon: shareIcon,
    describedBy: texts([], ["name", "digest"]),
    isVisible: () => permitted(session, COMMANDS.exportWorkflow),
    execute: async ({ name, digest }) => {
      const wanted = textOf(name);
      try {
        const names = wanted ? [wanted] : await namesOf(session.settings);
        const notebook = tracker?.currentWidget?.context.localPath;
        const folder = notebook !== undefined ? PathExt.dirname(notebook) : (browser?.model.path ?? "");
        const asked = names.length ? await ask(names, folder) : null;
        if (!names.length) Notification.info("There is no workflow to export yet: run a %%workflow cell.");
        if (asked) await exported(session.settings, asked, textOf(digest), path => openFolder(commands, path));
      } catch (error) {
        Notification.error(message(error));
      }
    },
  });
  offer(palette, [COMMANDS.exportWorkflow]);
}

/** Asks what is wanted; nothing where the person changes their mind. */
async function ask(names: readonly string[], folder: string): Promise<Wanted | null> {
  const answer = await showDialog({
    title: "Export as a package",
    body: new ExportForm(names, folder),
    buttons: [Dialog.cancelButton(), Dialog.okButton({ label: "Export" })],
    focusNodeSelector: "input[name=path]",
  });
  return answer.button.accept ? answer.value : null;
}

/** Has the package written, and tells what is done and what is left to do. */
async function exported(
  settings: ServerConnection.ISettings,
  { name, ...wanted }: Wanted,
  digest: string | undefined,
  open: (path: string) => void,
): Promise<void> {
  const words = wanted.prove ? ", and proving it in a clean environment takes half a minute" : "";
  const id = Notification.emit(`Exporting ${oneLine(name, 80)}${words}…`, "in-progress", { autoClose: false });
  const update = (type: "success" | "warning" | "error", text: string, path?: string) => {
    const actions = path === undefined ? [] : [{ label: "Open the folder", callback: () => open(path) }];
    Notification.update({ id, type, message: text, autoClose: type === "success" ? 15_000 : false, actions });
  };
  try {
    const body = JSON.stringify({ ...wanted, ...(digest && { digest }) });
    const done = await request<Exported>(settings, `workflows/${encodeURIComponent(name)}/export`, {
      method: "POST",
      body,
    });
    update(done.holds ? "success" : "warning", summary(done), done.path);
  } catch (error) {
    update("error", `${oneLine(name, 80)} was not exported: ${message(error)}`);
  }
}

/** What was written and what is left, in a few sentences. */
export function summary(done: Exported): string {
  const counts = [
    [done.written.length, "new"],
    [done.renewed.length, "renewed"],
    [done.removed.length, "removed"],
    [done.kept.length, "kept as you changed them"],
  ] as const;
  const told = counts.filter(([count]) => count).map(([count, words]) => `${count} ${words}`);
  const parts = [`${done.name} is in ${oneLine(done.path, 120)}. Files: ${told.join(", ") || "nothing has changed"}.`];
  if (done.conflicts.length) parts.push(`Merge each .new file, then delete it: ${listed(done.conflicts)}.`);
  if (done.proof !== null)
    parts.push(done.proof.startsWith("holds") ? `The proof ${done.proof}.` : `No proof: ${oneLine(done.proof, 200)}.`);
  parts.push(...done.notes.slice(0, 3).map(note => `${oneLine(note, 200)}.`));
  return parts.join(" ");
}

function listed(files: readonly string[]): string {
  const more = files.length - SHOWN_FILES;
  const shown = files.slice(0, SHOWN_FILES).map(file => oneLine(file, 80));
  return shown.join(", ") + (more > 0 ? ` and ${more} more` : "");
}

function openFolder(commands: JupyterFrontEnd["commands"], path: string): void {
  if (commands.hasCommand("filebrowser:open-path")) void commands.execute("filebrowser:open-path", { path });
}

/** The workflows of the bundles that the server has, the newest first. */
async function namesOf(settings: ServerConnection.ISettings): Promise<string[]> {
  const answer = await request<{ workflows: { workflow: { name: string } }[] }>(settings, "workflows");
  return [...new Set(answer.workflows.map(({ workflow }) => workflow.name))];
}

function message(error: unknown): string {
  return oneLine(error instanceof Error ? error.message : String(error), 500);
}
