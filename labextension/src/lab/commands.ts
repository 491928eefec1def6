// The ids of all commands: whatever can be done has one, so that palette, menus, shortcuts and other extensions get it.

export const COMMANDS = {
  /** `{id, run_id, label?}` */
  openRun: "jupyter-workflows:open-run",
  /** A list of runs; `{workflow?, status?, notebook?, label?}` */
  openRuns: "jupyter-workflows:open-runs",
  openInbox: "jupyter-workflows:open-inbox",
  openSchedules: "jupyter-workflows:open-schedules",
  openDashboard: "jupyter-workflows:open-dashboard",
  /** A workflow's card with its start form; `{digest?, name?}`, asks without. */
  openWorkflow: "jupyter-workflows:open-workflow",
  /** What the layout restores; `{topic, label}`. */
  openTopic: "jupyter-workflows:open-topic",
  showSidebar: "jupyter-workflows:show-sidebar",
  /** `{cell_id, line, notebook?}` */
  showCell: "jupyter-workflows:show-cell",
  /** `{notebook, workflow}`; gives words about the code that is taken. */
  bundleCells: "jupyter-workflows:bundle-cells",
  notebookRuns: "jupyter-workflows:runs-of-notebook",
  cellRuns: "jupyter-workflows:runs-of-cell",
  runCell: "jupyter-workflows:start-workflow-of-cell",
  /** Writes a workflow as a package; `{name?, digest?}`, asks without. */
  exportWorkflow: "jupyter-workflows:export",
  openTour: "jupyter-workflows:open-tour",
} as const;
