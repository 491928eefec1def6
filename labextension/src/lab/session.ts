// What a page knows of the Jupyter server: one stream, one link over it, and what is shown often is followed once.

import { URLExt } from "@jupyterlab/coreutils";
import { ServerConnection } from "@jupyterlab/services";
import { DashboardModel } from "../components/dashboard_model";
import { StateModel } from "../components/list_models";
import { Link } from "../components/protocol";
import { RunModel } from "../components/run_model";
import { SchedulesModel } from "../components/schedules_model";
import type { ConnectionState, InboxState, RunsState, WorkflowState } from "../schema";
import { schedulesOf } from "./schedules_place";
import { Shared } from "./shared";
import { type Socket, Stream } from "./stream";

const STREAM = "jupyter-workflows/stream";

/** The address of the stream, with the token where JupyterLab sends one along. */
export function streamUrl(settings: ServerConnection.ISettings): string {
  const url = URLExt.join(settings.wsUrl, STREAM);
  return settings.token && settings.appendToken ? `${url}?token=${encodeURIComponent(settings.token)}` : url;
}

export class Session {
  readonly stream: Stream;
  readonly link: Link;
  readonly runs: Shared<RunModel>;
  readonly lists: Shared<StateModel<RunsState>>;
  readonly workflows: Shared<StateModel<WorkflowState>>;
  readonly dashboards: Shared<DashboardModel>;
  readonly schedules: Shared<SchedulesModel>;
  readonly status: StateModel<ConnectionState>;
  readonly inboxes: Shared<StateModel<InboxState>>;

  constructor(readonly settings: ServerConnection.ISettings) {
    this.stream = new Stream(() => new settings.WebSocket(streamUrl(settings)) as Socket);
    const link = new Link(this.stream, "The Jupyter server");
    this.link = link;
    this.stream.watch(state => (state === "open" ? link.renew() : link.lost()));
    this.runs = new Shared(topic => new RunModel(topic, link));
    this.lists = new Shared(topic => new StateModel<RunsState>(topic, link, "runs"));
    this.workflows = new Shared(topic => new StateModel<WorkflowState>(topic, link, "workflow"));
    this.dashboards = new Shared(topic => new DashboardModel(topic, link));
    this.status = new StateModel<ConnectionState>("status", link, "status");
    this.schedules = new Shared(topic => new SchedulesModel(topic, schedulesOf(settings), this.status));
    this.inboxes = new Shared(topic => new StateModel<InboxState>(topic, link, "inbox"));
    // A laptop that wakes up, or a page that is looked at again, need not wait for the next try.
    window.addEventListener("online", () => this.stream.retry());
    document.addEventListener("visibilitychange", () => !document.hidden && this.stream.retry());
  }
}
