// The plugins of JupyterLab; what they do stands in the modules beside.

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from "@jupyterlab/application";
import { IRenderMimeRegistry } from "@jupyterlab/rendermime";
import { MIMES } from "./mime";
import { Output } from "./output";
import { Session } from "./session";
import { IWorkflows } from "./tokens";

const session: JupyterFrontEndPlugin<Session> = {
  id: "jupyter-workflows:session",
  description: "The page's connection to the runs, through the Jupyter server.",
  autoStart: true,
  provides: IWorkflows,
  activate: (app: JupyterFrontEnd) => new Session(app.serviceManager.serverSettings),
};

const outputs: JupyterFrontEndPlugin<void> = {
  id: "jupyter-workflows:outputs",
  description: "Shows runs, lists of runs, the inbox and workflows in notebooks, live from the Jupyter server.",
  autoStart: true,
  requires: [IWorkflows, IRenderMimeRegistry],
  activate: (_app, session: Session, rendermime: IRenderMimeRegistry) => {
    for (const mime of MIMES)
      rendermime.addFactory(
        {
          safe: true,
          mimeTypes: [mime],
          createRenderer: options => new Output(options.mimeType, session, {}, rendermime),
        },
        // Before the view that the kernel feeds, whose rank is -10.
        -20,
      );
  },
};

export default [session, outputs];
