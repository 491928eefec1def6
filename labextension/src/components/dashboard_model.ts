// A dashboard as the page knows it, and the topics its filters lead to; see `jupyter_workflows/live/dashboards.py`.

import type { Dashboard, Run } from "../schema";
import type { Following, Link, Liveness } from "./protocol";
import { Observable } from "./run_model";

const PREFIX = "dashboard?";

/** What a reader may choose. */
export interface DashboardChoice {
  workflow: string | null;
  notebook: string | null;
  status: Run["status"] | null;
  sinceSeconds: number | null;
}

export const EVERYTHING: DashboardChoice = { workflow: null, notebook: null, status: null, sinceSeconds: null };

/** The topic of a choice; `like` is a topic whose other settings, such as the target, are kept. */
export function topicOf(choice: DashboardChoice, like = PREFIX): string {
  const query = new URLSearchParams();
  if (choice.workflow !== null) query.set("workflow", choice.workflow);
  if (choice.notebook !== null) query.set("notebook", choice.notebook);
  if (choice.status !== null) query.set("status", choice.status);
  if (choice.sinceSeconds !== null) query.set("since", String(choice.sinceSeconds));
  const target = new URLSearchParams(like.slice(PREFIX.length)).get("target");
  if (target !== null) query.set("target", target);
  return PREFIX + query.toString();
}

/** What a topic asks for. */
export function choiceOf(topic: string): DashboardChoice {
  const query = new URLSearchParams(topic.slice(PREFIX.length));
  const since = query.get("since");
  return {
    workflow: query.get("workflow"),
    notebook: query.get("notebook"),
    status: query.get("status") as DashboardChoice["status"],
    sinceSeconds: since === null ? null : Number(since),
  };
}

/** A dashboard that is looked at; choosing another filter turns to another topic, and shows the old one until then. */
export class DashboardModel extends Observable {
  dashboard: Dashboard | null = null;
  trouble: string | null = null;
  liveness: Liveness = "live";
  /** Whether what is shown is not what was chosen yet. */
  turning = true;
  private following: Following;

  constructor(
    public topic: string,
    readonly link: Link,
    private readonly onTopic: (topic: string) => void = () => undefined,
  ) {
    super();
    this.following = this.follow();
  }

  get choice(): DashboardChoice {
    return choiceOf(this.topic);
  }

  /** Turns to another filter. */
  choose(choice: DashboardChoice): void {
    const topic = topicOf(choice, this.topic);
    if (topic === this.topic) return;
    this.link.unfollow(this.following);
    this.topic = topic;
    this.turning = true;
    this.trouble = null;
    this.following = this.follow();
    this.onTopic(topic);
    this.changed();
  }

  close(): void {
    this.link.unfollow(this.following);
  }

  private follow(): Following {
    const { topic } = this;
    return this.link.follow(
      topic,
      message => {
        if (message.type === "dashboard") {
          this.dashboard = message.dashboard;
          this.turning = false;
          this.trouble = null;
        } else if (message.type === "trouble") this.trouble = message.message;
        this.changed();
      },
      liveness => {
        if (topic !== this.topic) return;
        this.liveness = liveness;
        this.changed();
      },
    );
  }
}
