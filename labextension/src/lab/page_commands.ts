import type { JupyterFrontEnd } from "@jupyterlab/application";
import { type ICommandPalette, InputDialog } from "@jupyterlab/apputils";
import { runIcon } from "@jupyterlab/ui-components";
import type { RunsState } from "../schema";
import { EVERYTHING, topicOf } from "../components/dashboard_model";
import { oneLine } from "../components/untrusted";
import { COMMANDS } from "./commands";
import { dashboardIcon, inboxIcon, schedulesIcon, workflowsIcon } from "./icons";
import type { Pages } from "./pages";
import { offer, texts, textOf } from "./palette";
import { permitted } from "./permission";
import { request } from "./rest";
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
      const wanted = given ? { name: given, digest: textOf(digest) ?? "" } : await chosen(session);
      if (wanted) pages.open(workflowTopic(wanted.digest, wanted.name), wanted.name);
    },
  });
}

/** The names of the workflows that were run, the newest first. */
export function namesOf(runs: RunsState["runs"]): string[] {
  return [...new Set(runs.map(run => run.workflow))];
}

interface Wanted {
  name: string;
  digest: string;
}

/** What is published, by what the list says of it; empty where the server does not tell. */
async function published(session: Session): Promise<Map<string, Wanted>> {
  try {
    const { workflows } = await request<{
      workflows: { tool: string; description: string; workflow: string; digest: string }[];
    }>(session.settings, "published");
    return new Map(
      workflows.map(each => [
        oneLine(`${each.tool}: ${each.description}`, 120),
        { name: each.workflow, digest: each.digest.slice(0, 16) },
      ]),
    );
  } catch {
    return new Map();
  }
}

/** Asks which workflow is meant: what is published first, on its own code, then what was run, on the newest. */
async function chosen(session: Session): Promise<Wanted | null> {
  const offered = await published(session);
  const topic = runsTopic({});
  const model = session.lists.take(topic);
  session.lists.give(topic);
  const answer = await InputDialog.getItem({
    title: "Start a workflow",
    label: "What is published, or a name; of a name the newest version on this machine is started.",
    items: [...offered.keys(), ...namesOf(model.state?.runs ?? [])],
    editable: true,
    okLabel: "Next",
  });
  if (!answer.button.accept || !answer.value) return null;
  return offered.get(answer.value) ?? { name: answer.value, digest: "" };
}
