// The sidebar: the approvals that wait, with their number on its tab, and the newest runs.

import type { JupyterFrontEnd } from "@jupyterlab/application";
import { CommandToolbarButton, SidePanel, Toolbar } from "@jupyterlab/ui-components";
import type { AccordionPanel } from "@lumino/widgets";
import type { RunHost } from "../components/run_card";
import { count } from "../components/words";
import { COMMANDS } from "./commands";
import { workflowsIcon } from "./icons";
import type { Session } from "./session";
import type { Settings } from "./settings";
import { show, type Shown } from "./shown";
import { runsTopic } from "./topics";

export class Sidebar extends SidePanel {
  private runs: Shown | null = null;

  constructor(
    private readonly app: JupyterFrontEnd,
    private readonly session: Session,
    private readonly settings: Settings,
    private readonly host: RunHost,
  ) {
    super();
    this.id = "jupyter-workflows-sidebar";
    this.addClass("jwl-sidebar");
    this.title.icon = workflowsIcon;
    const inbox = show(session, "inbox", host);
    inbox.view.title.label = "Inbox";
    this.addWidget(withToolbar(inbox, app, [COMMANDS.openInbox]));
    this.listRuns();
    const count = () => this.count();
    inbox.source.subscribe(count);
    settings.changed.connect(() => {
      this.listRuns();
      this.place();
    });
    this.count();
  }

  /** Puts the keyboard into the first thing to press. */
  focus(): void {
    this.node.querySelector<HTMLElement>(".jwl :is(button, input)")?.focus();
  }

  /** Puts the sidebar where the settings say. */
  place(): void {
    this.app.shell.add(this, this.settings.sidebarSide, { rank: 600, type: "Workflows" });
  }

  private listRuns(): void {
    const topic = runsTopic({ limit: this.settings.sidebarRuns });
    if (this.runs?.topic === topic) return;
    this.runs?.view.dispose();
    this.runs?.release();
    this.runs = show(this.session, topic, this.host);
    this.runs.view.title.label = "Runs";
    const commands = [COMMANDS.openWorkflow, COMMANDS.openSchedules, COMMANDS.openDashboard, COMMANDS.openRuns];
    this.addWidget(withToolbar(this.runs, this.app, commands));
    // A question with its form needs more room than rows do.
    (this.content as AccordionPanel).setRelativeSizes([3, 2]);
  }

  /** Shows on the tab how many approvals wait. */
  private count(): void {
    const model = this.session.inboxes.take("inbox");
    this.session.inboxes.give("inbox");
    const waiting = model.state?.approvals.length ?? 0;
    this.title.caption = waiting ? `Workflows: ${count(waiting, "approval waits", "approvals wait")}` : "Workflows";
    this.title.dataset = waiting ? { "jwl-waiting": "true" } : {};
    document.body.style.setProperty("--jwl-waiting", `"${waiting > 99 ? "99+" : waiting}"`);
  }
}

function withToolbar({ view }: Shown, { commands }: JupyterFrontEnd, ids: string[]): Shown["view"] {
  const toolbar = new Toolbar();
  for (const id of ids) toolbar.addItem(id, new CommandToolbarButton({ commands, id, label: "" }));
  return Object.assign(view, { toolbar });
}
