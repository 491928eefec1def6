import { Notification } from "@jupyterlab/apputils";
import type { CommandRegistry } from "@lumino/commands";
import { COMMANDS } from "./commands";
import { ApprovalNews, FailureNews, type News } from "./news";
import type { Session } from "./session";
import type { Settings } from "./settings";
import { runsTopic } from "./topics";

const ACTIONS = { approval: "Decide", question: "Answer", failure: "Show" };

/** Tells about approvals that wait and runs that fail; JupyterLab keeps quiet where it is told not to disturb. */
export function notify(session: Session, settings: Settings, commands: CommandRegistry): void {
  const approvals = new ApprovalNews();
  const failures = new FailureNews();
  const inbox = session.inboxes.take("inbox");
  const runs = session.lists.take(runsTopic({ limit: settings.sidebarRuns }));
  inbox.subscribe(() => {
    const news = inbox.state ? approvals.look(inbox.state) : [];
    if (settings.notifyApprovals) for (const each of news) tell(each, commands);
  });
  runs.subscribe(() => {
    const news = runs.state ? failures.look(runs.state) : [];
    if (settings.notifyFailures) for (const each of news) tell(each, commands);
  });
}

function tell({ kind, message, id, runId }: News, commands: CommandRegistry): void {
  const failed = kind === "failure";
  Notification.emit(message, failed ? "error" : "warning", {
    autoClose: failed ? 10_000 : 20_000,
    actions: [
      {
        label: ACTIONS[kind],
        displayType: "accent",
        callback: () => void commands.execute(COMMANDS.openRun, { id, run_id: runId }),
      },
    ],
  });
}
