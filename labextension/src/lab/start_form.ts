// The question which workflow is to be started: what is published first, on its own code, then the newest of each name.

import { Dialog, Notification, showDialog } from "@jupyterlab/apputils";
import type { ServerConnection } from "@jupyterlab/services";
import { Widget } from "@lumino/widgets";
import { oneLine } from "../components/untrusted";
import { choice, labelled } from "./export_form";
import { request } from "./rest";

/** A workflow to start; without a digest, on the newest code there is. */
export interface Wanted {
  name: string;
  digest: string;
}

/** One that can be chosen. */
export interface Offered extends Wanted {
  words: string;
  published: boolean;
}

interface Published {
  workflows: { tool: string; description: string; workflow: string; digest: string }[];
}

interface Known {
  workflows: { workflow: { name: string; description: string } }[];
}

/** What there is to start. */
async function offered(settings: ServerConnection.ISettings): Promise<Offered[]> {
  const [published, known] = await Promise.all([
    request<Published>(settings, "published"),
    request<Known>(settings, "workflows"),
  ]);
  return [
    ...published.workflows.map(({ tool, description, workflow, digest }) => ({
      name: workflow,
      digest: digest.slice(0, 16),
      words: wordsOf(tool, description),
      published: true,
    })),
    ...known.workflows.map(({ workflow: { name, description } }) => ({
      name,
      digest: "",
      words: wordsOf(name, description),
      published: false,
    })),
  ];
}

function wordsOf(name: string, description: string): string {
  return oneLine(description ? `${name}: ${description}` : name, 100);
}

/** The form of the dialog. */
export class StartForm extends Widget implements Dialog.IBodyWidget<Offered | undefined> {
  private readonly workflow: HTMLSelectElement;

  constructor(private readonly all: readonly Offered[]) {
    super();
    this.addClass("jwl-export");
    this.workflow = choice("workflow", []);
    for (const [published, label] of [
      [true, "Published, on the code that was published"],
      [false, "From notebooks, on the newest code"],
    ] as const) {
      const group = document.createElement("optgroup");
      group.label = label;
      all.forEach((each, at) => {
        if (each.published === published) group.append(new Option(each.words, String(at)));
      });
      if (group.childElementCount) this.workflow.add(group);
    }
    this.node.append(labelled("Workflow", this.workflow));
  }

  getValue(): Offered | undefined {
    return this.all[Number(this.workflow.value)];
  }
}

/** Asks which workflow is meant; nothing where the person changes their mind, or there is none. */
export async function chosen(settings: ServerConnection.ISettings): Promise<Wanted | null> {
  try {
    const all = await offered(settings);
    if (!all.length) {
      Notification.info("There is no workflow to start yet: run a %%workflow cell.");
      return null;
    }
    const { button, value } = await showDialog({
      title: "Start a workflow",
      body: new StartForm(all),
      buttons: [Dialog.cancelButton(), Dialog.okButton({ label: "Next" })],
      focusNodeSelector: "select",
    });
    return (button.accept && value) || null;
  } catch (error) {
    Notification.error(error instanceof Error ? error.message : String(error));
    return null;
  }
}
