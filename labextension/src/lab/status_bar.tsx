// The item in the status bar: whether runs can run and be seen; a click tells more.

import { type Popup, showPopup } from "@jupyterlab/statusbar";
import { ConnectionCard, CONNECTION } from "../components/connection_card";
import type { AnyStatus } from "../components/icons";
import { useChanges } from "../components/hooks";
import type { StateModel } from "../components/list_models";
import { Icon } from "../components/status";
import { count } from "../components/words";
import type { ConnectionState } from "../schema";
import type { Session } from "./session";
import type { StreamState } from "./stream";
import { View } from "./view";

const STREAM: Record<Exclude<StreamState, "open">, [AnyStatus, string]> = {
  connecting: ["running", "connecting"],
  lost: ["retrying", "reconnecting"],
  absent: ["failed", "no server extension"],
};

/** The sign and the words of the item. */
export function summary(stream: StreamState, state: ConnectionState | null): [AnyStatus, string] {
  if (stream !== "open") return STREAM[stream];
  if (!state) return ["running", "connecting"];
  const failing = state.workers.filter(worker => worker.health === "failing").length;
  if (failing) return ["failed", `${count(failing, "worker")} failing`];
  if (state.state !== "connected") return CONNECTION[state.state];
  const up = state.workers.filter(worker => worker.health === "up").length;
  return ["completed", up ? count(up, "worker") : "ready"];
}

/** The item. */
export class StatusItem extends View {
  private popup: Popup | null = null;

  constructor(session: Session) {
    super(() => <Summary session={session} model={session.status} onOpen={() => this.open(session)} />);
    this.addClass("jwl-status");
    session.stream.watch(() => this.redraw());
  }

  private open(session: Session): void {
    this.popup?.dispose();
    const body = new View(() =>
      session.stream.state === "absent" ? <Absent /> : <ConnectionCard model={session.status} />,
    );
    body.addClass("jwl-popup");
    body.node.setAttribute("role", "dialog");
    body.node.setAttribute("aria-label", "Workflows");
    // Many workers make it taller than the window lets it be: the keys scroll it.
    body.node.tabIndex = 0;
    // The popup closes itself.
    body.node.addEventListener("keydown", ({ key }) => {
      if (key === "Escape") this.node.querySelector("button")?.focus();
    });
    this.popup = showPopup({ body, anchor: this, align: "left", hasDynamicSize: true });
    body.node.focus();
  }
}

interface SummaryProps {
  session: Session;
  model: StateModel<ConnectionState>;
  onOpen: () => void;
}

function Summary({ session, model, onOpen }: SummaryProps) {
  useChanges(model);
  const [sign, words] = summary(session.stream.state, model.state);
  return (
    <button type="button" class="jwl-status-button" aria-haspopup="dialog" title="Workflows" onClick={onOpen}>
      <Icon status={sign} />
      <span class="jwl-unseen">Workflows: </span>
      {words}
    </button>
  );
}

/** What to do where the server does not serve runs. */
function Absent() {
  return (
    <section class="jwl" aria-label="Connection">
      <div class="jwl-note jwl-fail">
        The Jupyter server does not answer for workflows. Check with <code>jupyter server extension list</code> that{" "}
        <code>jupyter_workflows</code> is enabled and OK, and restart the server. Until then, notebooks show runs
        through their kernels.
      </div>
    </section>
  );
}
