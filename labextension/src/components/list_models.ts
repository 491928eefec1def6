// The inbox, the list of runs, a workflow's card, a dashboard and the connection as the page knows them: each message replaces all.

import type { ConnectionState, DashboardState, InboxState, RunsState, WorkflowState } from "../schema";
import type { Following, Link, Liveness } from "./protocol";
import { Observable } from "./run_model";

type State = InboxState | RunsState | WorkflowState | DashboardState | ConnectionState;

/** A topic of which each message tells everything. */
export class StateModel<S extends State> extends Observable {
  state: S | null = null;
  trouble: string | null = null;
  liveness: Liveness = "live";
  private readonly following: Following;

  constructor(
    readonly topic: string,
    readonly link: Link,
    private readonly type: S["type"],
  ) {
    super();
    this.following = link.follow(
      topic,
      message => {
        if (message.type === this.type) {
          this.state = message as S;
          this.trouble = null;
        } else if (message.type === "trouble") this.trouble = message.message;
        this.changed();
      },
      liveness => {
        this.liveness = liveness;
        this.changed();
      },
    );
  }

  close(): void {
    this.link.unfollow(this.following);
  }
}
