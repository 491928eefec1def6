// What a page shows under a topic: the model, followed as long as it is shown, and the component that draws it.

import type { ComponentChild } from "preact";
import { DashboardView } from "../components/dashboard";
import { Inbox } from "../components/inbox";
import type { Liveness } from "../components/protocol";
import { RunCard, type RunHost } from "../components/run_card";
import { RunList } from "../components/run_list";
import { Schedules } from "../components/schedules";
import { WorkflowCard } from "../components/workflow_card";
import type { Session } from "./session";
import type { Shared } from "./shared";
import { kindOf } from "./topics";
import { View } from "./view";

/** A topic that is followed and drawn. */
export interface Shown {
  topic: string;
  source: { subscribe(listener: () => void): () => void; liveness: Liveness };
  view: View;
  /** Whether there is something to draw. */
  known: () => boolean;
  /** Ends following. */
  release: () => void;
}

/** Follows a topic and draws it. */
export function show(session: Session, topic: string, host: RunHost): Shown {
  switch (kindOf(topic)) {
    case "run":
      return held(
        session.runs,
        topic,
        model => model.head !== null,
        model => <RunCard model={model} host={host} />,
      );
    case "runs":
      return held(session.lists, topic, isTold, model => <RunList model={model} host={host} />);
    case "workflow":
      return held(session.workflows, topic, isTold, model => <WorkflowCard model={model} host={host} />);
    case "dashboard":
      return held(
        session.dashboards,
        topic,
        model => model.dashboard !== null,
        model => <DashboardView model={model} host={host} />,
      );
    case "schedules":
      return held(
        session.schedules,
        topic,
        model => model.schedules !== null,
        model => <Schedules model={model} host={host} />,
      );
    case "inbox":
      return held(session.inboxes, topic, isTold, model => <Inbox model={model} host={host} />);
    default:
      throw new RangeError(`nothing is shown under ${topic}`);
  }
}

function isTold(model: { state: unknown }): boolean {
  return model.state !== null;
}

type Model = Shown["source"] & { close(): void };

function held<M extends Model>(
  models: Shared<M>,
  topic: string,
  known: (model: M) => boolean,
  draw: (model: M) => ComponentChild,
): Shown {
  const model = models.take(topic);
  const view = new View(() => draw(model));
  return { topic, source: model, view, known: () => known(model), release: () => models.give(topic) };
}
