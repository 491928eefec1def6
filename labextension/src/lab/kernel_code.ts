// Has the kernel of a run's notebook bundle the cells as they were last run: what JupyterLab resumes and forks on.

import { PageConfig } from "@jupyterlab/coreutils";
import type { INotebookTracker, NotebookPanel } from "@jupyterlab/notebook";
import type { Run } from "../schema";
import { pathsOf } from "./places";

// Bundling takes some 50 ms; a kernel that is asked while it is about to be busy answers when that is over.
const ANSWER_MS = 5_000;
const LAST_BUNDLE = "the code is what was bundled last. To take newer cells, run the workflow's cell.";

/** Bundles the cells of the run's notebook where its kernel can; says which code will be taken. */
export async function bundleCells(tracker: INotebookTracker, run: Pick<Run, "notebook" | "workflow">): Promise<string> {
  const panel = run.notebook ? panelOf(tracker, run.notebook) : undefined;
  const kernel = panel?.sessionContext.session?.kernel;
  if (!kernel) return `The run's notebook has no kernel here: ${LAST_BUNDLE}`;
  if (kernel.status !== "idle") return `The notebook's kernel is ${kernel.status}: ${LAST_BUNDLE}`;
  // Silent: neither the cells' numbers nor the history know of it, and no hook of a cell is called. A JSON text is a
  // text in Python, too, whatever a run's workflow is called.
  const code = `__import__("sys").modules["jupyter_workflows.magics"].bundled(${JSON.stringify(run.workflow)})`;
  const request = { code: "", silent: true, store_history: false, user_expressions: { bundle: code } };
  const future = kernel.requestExecute(request);
  const late = new Promise<null>(resolve => setTimeout(() => resolve(null), ANSWER_MS));
  const reply = await Promise.race([future.done, late]);
  if (!reply) return `The notebook's kernel does not answer: ${LAST_BUNDLE}`;
  return wordsOf(reply.content);
}

interface Expression {
  status: string;
  ename?: string;
  evalue?: string;
  data?: Record<string, unknown>;
}

/** What the kernel's answer means for the code that is taken. */
function wordsOf(content: object): string {
  const { user_expressions: told } = content as { user_expressions?: { bundle?: Expression } };
  const bundle = told?.bundle;
  if (bundle?.status === "ok") {
    const found = bundle.data?.["text/plain"] !== "''";
    return found
      ? "The code is that of the notebook's cells as they were last run."
      : `The notebook's kernel has no such workflow: ${LAST_BUNDLE}`;
  }
  // Without the extension there is nothing to ask.
  if (!bundle || bundle.ename === "KeyError")
    return `The notebook's kernel has not loaded the extension: ${LAST_BUNDLE}`;
  throw new Error(bundle.evalue || bundle.ename || "The notebook's cells can't be bundled.");
}

function panelOf(tracker: INotebookTracker, notebook: string): NotebookPanel | undefined {
  const paths = pathsOf(notebook, PageConfig.getOption("serverRoot"));
  return tracker.find(panel => paths.includes(panel.context.localPath));
}
