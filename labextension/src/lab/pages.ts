// Pages in the main area: a run, a list of runs, the inbox, schedules, a workflow's card. Each is known by its topic, and comes
// back with the layout.

import type { ILayoutRestorer, JupyterFrontEnd } from "@jupyterlab/application";
import { MainAreaWidget, WidgetTracker } from "@jupyterlab/apputils";
import type { LabIcon } from "@jupyterlab/ui-components";
import { Panel } from "@lumino/widgets";
import type { RunHost } from "../components/run_card";
import { oneLine } from "../components/untrusted";
import { COMMANDS } from "./commands";
import { dashboardIcon, inboxIcon, schedulesIcon, workflowsIcon } from "./icons";
import type { Session } from "./session";
import { show, type Shown } from "./shown";
import { type Kind, kindOf } from "./topics";

const ICONS: Partial<Record<Kind, LabIcon>> = { inbox: inboxIcon, dashboard: dashboardIcon, schedules: schedulesIcon };

/** One page. */
export class Page extends Panel {
  private readonly shown: Shown;

  constructor(
    session: Session,
    readonly topic: string,
    readonly label: string,
    host: RunHost,
  ) {
    super();
    this.addClass("jwl-page");
    this.id = `jupyter-workflows-${topic}`;
    // A run's page offers no page of its own run.
    const { openRun, ...own } = host;
    this.shown = show(session, topic, kindOf(topic) === "run" || !openRun ? own : host);
    this.title.label = oneLine(label, 60);
    this.title.caption = oneLine(label, 200);
    this.title.icon = ICONS[kindOf(topic)] ?? workflowsIcon;
    this.title.closable = true;
    this.addWidget(this.shown.view);
  }

  override dispose(): void {
    if (this.isDisposed) return;
    this.shown.release();
    super.dispose();
  }
}

/** The pages that are open. */
export class Pages {
  private readonly tracker = new WidgetTracker<MainAreaWidget<Page>>({ namespace: "jupyter-workflows" });

  constructor(
    private readonly app: JupyterFrontEnd,
    private readonly session: Session,
    private readonly host: RunHost,
  ) {}

  /** Opens the page of a topic, or shows the one that is open. */
  open(topic: string, label: string): void {
    const open = this.tracker.find(each => each.content.topic === topic);
    const page = open ?? new MainAreaWidget({ content: new Page(this.session, topic, label, this.host) });
    if (!open) {
      page.toolbar.hide();
      void this.tracker.add(page);
    }
    if (!page.isAttached) this.app.shell.add(page, "main");
    this.app.shell.activateById(page.id);
  }

  restoreWith(restorer: ILayoutRestorer): void {
    void restorer.restore(this.tracker, {
      command: COMMANDS.openTopic,
      args: ({ content }) => ({ topic: content.topic, label: content.label }),
      name: ({ content }) => content.topic,
    });
  }
}
