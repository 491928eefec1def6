import { LabIcon } from "@jupyterlab/ui-components";

const box = (inner: string) =>
  `<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 16 16"><g class="jp-icon3" fill="none" stroke="#616161" stroke-width="1.5" stroke-linecap="round" stroke-linejoin="round">${inner}</g></svg>`;

/** A step that leads to two, one of which is done. */
export const workflowsIcon = new LabIcon({
  name: "jupyter-workflows:workflows",
  svgstr: box(
    '<rect x="1.5" y="2" width="5" height="4" rx="1"/><rect x="9.5" y="10" width="5" height="4" rx="1"/><path d="M4 6v4a2 2 0 0 0 2 2h3.5M6.5 4h4a2 2 0 0 1 2 2v4"/>',
  ),
});
export const inboxIcon = new LabIcon({
  name: "jupyter-workflows:inbox",
  svgstr: box('<path d="M2 9.5 4 3h8l2 6.5V13H2zM2 9.5h3.5l1 1.7h3l1-1.7H14"/>'),
});
export const schedulesIcon = new LabIcon({
  name: "jupyter-workflows:schedules",
  svgstr: box('<circle cx="8" cy="8" r="6" fill="none"/><path d="M8 4.5V8l2.5 1.5"/>'),
});
export const dashboardIcon = new LabIcon({
  name: "jupyter-workflows:dashboard",
  svgstr: box('<path d="M2 14h12M3.5 11.5V8M7 11.5V3M10.500 11.5V6M14 11.5V9"/>'),
});
