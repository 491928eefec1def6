import type { JupyterFrontEnd } from "@jupyterlab/application";
import { type ICommandPalette, InputDialog } from "@jupyterlab/apputils";
import { runIcon } from "@jupyterlab/ui-components";
import type { RunsState } from "../schema";
import { EVERYTHING, topicOf } from "../components/dashboard_model";
import { COMMANDS } from "./commands";
import { dashboardIcon, inboxIcon, workflowsIcon } from "./icons";
import type { Pages } from "./pages";
import { offer, texts, textOf } from "./palette";
import type { Session } from "./session";
import { runsTopic, runTopic, workflowTopic } from "./topics";

/** The commands that open pages. */
export function addPageCommands(
  { commands }: JupyterFrontEnd,
  session: Session,
  pages: Pages,
  palette: ICommandPalette | null,
): void {
  commands.addCommand(COMMANDS.openTopic, {
    label: "Open what is shown under a topic",
    describedBy: texts(["topic", "label"]),
    execute: ({ topic, label }) => pages.open(String(topic), String(label)),
  });
  commands.addCommand(COMMANDS.openRun, {
    label: "Open a Run",
    describedBy: texts(["id", "run_id"]),
    execute: ({ id, run_id }) => pages.open(runTopic(String(id), String(run_id ?? "")), String(id)),
  });
  commands.addCommand(COMMANDS.openInbox, {
    label: "Open the Inbox of Workflows",
    caption: "Open the inbox as a page",
    icon: inboxIcon,
    describedBy: texts([]),
    execute: () => pages.open("inbox", "Inbox"),
  });
  commands.addCommand(COMMANDS.openRuns, {
    label: "Open the List of Runs",
    caption: "Open the list of runs as a page",
    icon: workflowsIcon,
    describedBy: texts([], ["workflow", "status", "notebook", "label"]),
    execute: ({ label, ...given }) => {
      const filter = {
        workflow: textOf(given.workflow),
        status: textOf(given.status),
        notebook: textOf(given.notebook),
      };
      pages.open(runsTopic(filter), textOf(label) ?? "Runs");
    },
  });
  commands.addCommand(COMMANDS.openDashboard, {
    label: "Open the Dashboard of Workflows",
    caption: "Open the dashboard",
    icon: dashboardIcon,
    describedBy: texts([]),
    execute: () => pages.open(topicOf(EVERYTHING), "Dashboard"),
  });
  commands.addCommand(COMMANDS.openWorkflow, {
    label: "Start a Workflow…",
    caption: "Start a workflow, without a kernel",
    icon: runIcon,
    describedBy: texts([], ["digest", "name"]),
    execute: async ({ digest, name }) => {
      const wanted = textOf(name) ?? (await chosen(session));
      if (wanted) pages.open(workflowTopic(textOf(digest) ?? "", wanted), wanted);
    },
  });
  offer(palette, [COMMANDS.openInbox, COMMANDS.openRuns, COMMANDS.openDashboard, COMMANDS.openWorkflow]);
}

/** The names of the workflows that were run, the newest first. */
export function namesOf(runs: RunsState["runs"]): string[] {
  return [...new Set(runs.map(run => run.workflow))];
}

/** Asks which workflow is meant. */
async function chosen(session: Session): Promise<string | null> {
  const topic = runsTopic({});
  const model = session.lists.take(topic);
  session.lists.give(topic);
  const answer = await InputDialog.getItem({
    title: "Start a workflow",
    label: "Its name; the newest version on this machine is started.",
    items: namesOf(model.state?.runs ?? []),
    editable: true,
    okLabel: "Next",
  });
  return answer.button.accept ? answer.value : null;
}
