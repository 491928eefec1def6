// The anywidget host: one comm of a kernel is the channel, and the widget's `kind` says what is shown on it.

import type { AnyModel } from "@anywidget/types";
import { render } from "preact";
import { DashboardView } from "../components/dashboard";
import { DashboardModel } from "../components/dashboard_model";
import { Inbox } from "../components/inbox";
import { StateModel } from "../components/list_models";
import { type Channel, Link } from "../components/protocol";
import { RunCard } from "../components/run_card";
import { RunList } from "../components/run_list";
import { RunModel } from "../components/run_model";
import { WorkflowCard } from "../components/workflow_card";
import type { InboxState, RunsState, WorkflowState } from "../schema";

interface Traits {
  kind: "run" | "inbox" | "runs" | "workflow" | "dashboard";
  topic: string;
}

type Bytes = DataView | ArrayBuffer | Uint8Array;

/** Bytes as they are read; hosts give them in different forms. */
function viewOf(bytes: Bytes): DataView {
  if (bytes instanceof DataView) return bytes;
  return ArrayBuffer.isView(bytes)
    ? new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    : new DataView(bytes);
}

// ipykernel 7.0 to 7.3 may leave a message unread until the next one comes (ipykernel's issue 1554).
const NUDGE_MS = 300;

/** The comm of a widget as a channel: each message is JSON text, with buffers beside it. */
function channelOf(model: AnyModel<Traits>): Channel {
  let nudge: ReturnType<typeof setTimeout> | undefined;
  return {
    send(text) {
      model.send({ text });
      clearTimeout(nudge);
      nudge = setTimeout(() => model.send({}), NUDGE_MS);
      return true;
    },
    listen(handler) {
      const receive = (message: { text?: unknown }, buffers?: Bytes[]) => {
        if (typeof message.text === "string") handler(message.text, (buffers ?? []).map(viewOf));
      };
      model.on("msg:custom", receive);
      return () => {
        clearTimeout(nudge);
        model.off("msg:custom", receive);
      };
    },
  };
}

const SHOWN = {
  run: (topic: string, link: Link) => {
    const model = new RunModel(topic, link);
    return { model, view: () => <RunCard model={model} host={{}} /> };
  },
  inbox: (topic: string, link: Link) => {
    const model = new StateModel<InboxState>(topic, link, "inbox");
    return { model, view: () => <Inbox model={model} host={{}} /> };
  },
  runs: (topic: string, link: Link) => {
    const model = new StateModel<RunsState>(topic, link, "runs");
    return { model, view: () => <RunList model={model} host={{}} /> };
  },
  dashboard: (topic: string, link: Link) => {
    const model = new DashboardModel(topic, link);
    return { model, view: () => <DashboardView model={model} host={{}} /> };
  },
  workflow: (topic: string, link: Link) => {
    const model = new StateModel<WorkflowState>(topic, link, "workflow");
    return { model, view: () => <WorkflowCard model={model} host={{}} /> };
  },
};

interface Live {
  link: Link;
  shown: ReturnType<(typeof SHOWN)[Traits["kind"]]>;
  views: number;
}

// What is shown outlives its view for a moment: a host that draws an output anew must not make it start over.
const live = new WeakMap<AnyModel<Traits>, Live>();
const LINGER_MS = 5_000;

function liveOf(model: AnyModel<Traits>): Live {
  const known = live.get(model);
  if (known) return known;
  const link = new Link(channelOf(model));
  const made = { link, shown: SHOWN[model.get("kind")](model.get("topic"), link), views: 0 };
  live.set(model, made);
  return made;
}

function leave(model: AnyModel<Traits>, left: Live): void {
  left.views--;
  setTimeout(() => {
    if (left.views > 0 || live.get(model) !== left) return;
    live.delete(model);
    left.shown.model.close();
    left.link.close();
  }, LINGER_MS);
}

export default {
  render({ model, el }: { model: AnyModel<Traits>; el: HTMLElement }) {
    const shown = liveOf(model);
    shown.views++;
    render(shown.shown.view(), el);
    return () => {
      render(null, el);
      leave(model, shown);
    };
  },
};
