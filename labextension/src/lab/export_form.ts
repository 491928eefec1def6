import type { Dialog } from "@jupyterlab/apputils";
import { Widget } from "@lumino/widgets";
import { oneLine } from "../components/untrusted";

/** What a person wants exported, and where to. */
export interface Wanted {
  name: string;
  path: string;
  target: string;
  runs: number;
  prove: boolean;
}

const TARGETS: readonly (readonly [string, string])[] = [
  ["temporal", "Temporal, with this package's worker"],
  ["temporal-plain", "Temporal's SDK alone"],
  ["mistral", "Mistral's workflow SDK"],
];
const RUNS = 3;

/** The directory that a package of a workflow goes to, unless another is wanted. */
export function directoryOf(folder: string, name: string): string {
  const slug = name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "");
  return [folder, slug || "workflow"].filter(Boolean).join("/");
}

/** The form of the export dialog: plain controls, so that keyboards and screen readers know them. */
export class ExportForm extends Widget implements Dialog.IBodyWidget<Wanted> {
  private readonly name: HTMLSelectElement;
  private readonly path = field("input", "path");
  private readonly target: HTMLSelectElement;
  private readonly runs = box("runs", true);
  private readonly prove = box("prove", false);

  constructor(
    private readonly names: readonly string[],
    private readonly folder: string,
  ) {
    super();
    this.addClass("jwl-export");
    this.name = choice(
      "name",
      names.map((name, at) => [String(at), oneLine(name, 80)]),
    );
    this.target = choice("target", TARGETS);
    this.path.value = this.directory;
    this.name.addEventListener("change", () => {
      this.path.value = this.directory;
    });
    this.target.addEventListener("change", () => this.offer());
    const rows = [
      labelled("Workflow", this.name),
      labelled("Directory, relative to the server's files", this.path),
      labelled("Made for", this.target),
      labelled("Recorded runs go along as tests, with what they were given", this.runs),
      labelled("Prove it in a clean environment (half a minute)", this.prove),
    ];
    this.node.append(...rows);
  }

  getValue(): Wanted {
    const ours = this.target.value === "temporal";
    return {
      name: this.chosen,
      path: this.path.value.trim().replace(/\/+$/, ""),
      target: this.target.value,
      runs: ours && this.runs.checked ? RUNS : 0,
      prove: ours && this.prove.checked,
    };
  }

  /** Recorded runs and the proof are of the first target only. */
  private offer(): void {
    const ours = this.target.value === "temporal";
    for (const each of [this.runs, this.prove]) each.disabled = !ours;
  }

  private get chosen(): string {
    return this.names[Number(this.name.value)] ?? "";
  }

  private get directory(): string {
    return directoryOf(this.folder, this.chosen);
  }
}

function field(tag: "input", name: string): HTMLInputElement {
  const made = document.createElement(tag);
  made.name = name;
  made.className = "jp-mod-styled";
  return made;
}

function box(name: string, checked: boolean): HTMLInputElement {
  const made = field("input", name);
  made.type = "checkbox";
  made.checked = checked;
  return made;
}

/** A list to choose from. */
export function choice(name: string, options: readonly (readonly [string, string])[]): HTMLSelectElement {
  const made = document.createElement("select");
  made.name = name;
  made.className = "jp-mod-styled";
  for (const [value, text] of options) made.add(new Option(text, value));
  return made;
}

/** A control below or beside what it is about. */
export function labelled(text: string, control: HTMLInputElement | HTMLSelectElement): HTMLElement {
  const label = document.createElement("label");
  const words = document.createElement("span");
  words.textContent = text;
  const check = control.type === "checkbox";
  label.className = check ? "jwl-export-check" : "jwl-export-field";
  label.append(...(check ? [control, words] : [words, control]));
  return label;
}
