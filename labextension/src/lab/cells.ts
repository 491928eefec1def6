// From a step to the cell it is written in, and from a cell to its runs.

import type { JupyterFrontEnd } from "@jupyterlab/application";
import { Notification } from "@jupyterlab/apputils";
import type { Cell, CodeCell } from "@jupyterlab/cells";
import { PageConfig } from "@jupyterlab/coreutils";
import type { IDocumentManager } from "@jupyterlab/docmanager";
import type { INotebookTracker, NotebookPanel } from "@jupyterlab/notebook";
import { oneLine } from "../components/untrusted";
import { type Defined, definedBy, pathsOf } from "./places";

/** Where a step stands; see `CellLocation` of the schema. */
export interface Place {
  cell_id: string;
  line: number;
  notebook: string | null;
}

const FLASH_MS = 2_500;

function outputsOf(cell: Cell): Record<string, unknown>[] {
  if (cell.model.type !== "code") return [];
  const { outputs } = (cell as CodeCell).model;
  return Array.from({ length: outputs.length }, (_, at) => outputs.get(at).data);
}

/** The notebooks that are open, and can be opened. */
export class Cells {
  constructor(
    private readonly app: JupyterFrontEnd,
    private readonly tracker: INotebookTracker,
    private readonly documents: IDocumentManager,
  ) {}

  /** The workflows of the cell under the pointer of a context menu, else of the active one. */
  defined(): Defined[] {
    const node = this.app.contextMenuHitTest(each => each.classList.contains("jp-Cell"));
    const cells = this.tracker.currentWidget?.content.widgets ?? [];
    const cell = cells.find(each => each.node === node) ?? this.tracker.activeCell;
    return cell ? definedBy(cell.model.sharedModel.getSource(), outputsOf(cell)) : [];
  }

  /** Shows a cell and the line in it, and opens its notebook where that is closed. */
  async show(place: Place): Promise<void> {
    const panel = this.open(place) ?? (await this.reopen(place));
    const cell = panel && cellOf(panel, place.cell_id);
    if (!panel || !cell) {
      const where = place.notebook ? `${oneLine(place.notebook, 200)} or any open notebook` : "any open notebook";
      Notification.warning(`The cell is not in ${where} any more.`);
      return;
    }
    this.app.shell.activateById(panel.id);
    panel.content.deselectAll();
    panel.content.activeCellIndex = panel.content.widgets.indexOf(cell);
    cell.inputHidden = false;
    await panel.content.scrollToCell(cell, "center").catch(() => undefined);
    await cell.ready;
    cell.editor?.setCursorPosition({ line: place.line - 1, column: 0 });
    flash(cell, place.line);
  }

  private open({ cell_id }: Place): NotebookPanel | undefined {
    const current = this.tracker.currentWidget;
    if (current && cellOf(current, cell_id)) return current;
    return this.tracker.find(panel => cellOf(panel, cell_id) !== undefined);
  }

  private async reopen({ notebook }: Place): Promise<NotebookPanel | undefined> {
    for (const path of notebook ? pathsOf(notebook, PageConfig.getOption("serverRoot")) : []) {
      const found = await this.documents.services.contents.get(path, { content: false }).catch(() => null);
      if (!found) continue;
      const panel = this.documents.openOrReveal(path) as NotebookPanel | undefined;
      await panel?.context.ready;
      await panel?.revealed;
      return panel;
    }
    return undefined;
  }
}

function cellOf(panel: NotebookPanel, id: string): Cell | undefined {
  return panel.content.widgets.find(({ model }) => model.id === id);
}

/** Draws the eye to a cell and a line of it. The mark of the line lies over it: the editor keeps its own lines. */
function flash(cell: Cell, line: number): void {
  const text = cell.node.querySelectorAll(".cm-line")[line - 1];
  const mark = document.createElement("div");
  mark.className = "jwl-flash-line";
  if (text) {
    const [outer, inner] = [cell.node.getBoundingClientRect(), text.getBoundingClientRect()];
    const place = {
      top: inner.top - outer.top,
      left: inner.left - outer.left,
      width: inner.width,
      height: inner.height,
    };
    for (const [name, value] of Object.entries(place)) mark.style.setProperty(name, `${value}px`);
    cell.node.append(mark);
  }
  cell.addClass("jwl-flash");
  setTimeout(() => {
    cell.removeClass("jwl-flash");
    mark.remove();
  }, FLASH_MS);
}
