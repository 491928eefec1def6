import type { JupyterFrontEnd } from "@jupyterlab/application";
import type { ICommandPalette } from "@jupyterlab/apputils";
import { runIcon } from "@jupyterlab/ui-components";
import { EVERYTHING, topicOf } from "../components/dashboard_model";
import { COMMANDS } from "./commands";
import { dashboardIcon, inboxIcon, schedulesIcon, workflowsIcon } from "./icons";
import type { Pages } from "./pages";
import { offer, texts, textOf } from "./palette";
import { permitted } from "./permission";
import type { Session } from "./session";
import { chosen } from "./start_form";
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
  commands.addCommand(COMMANDS.openSchedules, {
    label: "Schedules",
    caption: "Open the schedules: what starts by the clock",
    icon: schedulesIcon,
    describedBy: texts([]),
    execute: () => pages.open("schedules", "Schedules"),
  });
  commands.addCommand(COMMANDS.openDashboard, {
    label: "Open the Dashboard of Workflows",
    caption: "Open the dashboard",
    icon: dashboardIcon,
    describedBy: texts([]),
    execute: () => pages.open(topicOf(EVERYTHING), "Dashboard"),
  });
  addStartCommand(commands, session, pages);
  const { openInbox, openRuns, openSchedules, openDashboard, openWorkflow } = COMMANDS;
  offer(palette, [openInbox, openRuns, openSchedules, openDashboard, openWorkflow]);
}

/** The command that shows a workflow with the form to start it. */
function addStartCommand(commands: JupyterFrontEnd["commands"], session: Session, pages: Pages): void {
  commands.addCommand(COMMANDS.openWorkflow, {
    label: "Start a Workflow…",
    caption: "Start a workflow, without a kernel",
    icon: runIcon,
    describedBy: texts([], ["digest", "name"]),
    isVisible: () => permitted(session, COMMANDS.openWorkflow),
    execute: async ({ digest, name }) => {
      const given = textOf(name);
      const wanted = given ? { name: given, digest: textOf(digest) ?? "" } : await chosen(session.settings);
      if (wanted) pages.open(workflowTopic(wanted.digest, wanted.name), wanted.name);
    },
  });
}
