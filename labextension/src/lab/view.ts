// A Lumino widget that shows a Preact tree. JupyterLab's own React is not touched: the components know only Preact.

import { Widget } from "@lumino/widgets";
import { type ComponentChild, render } from "preact";

export class View extends Widget {
  constructor(private readonly draw: () => ComponentChild) {
    super();
    this.addClass("jwl-lab");
  }

  protected override onAfterAttach(): void {
    this.redraw();
  }

  protected override onBeforeDetach(): void {
    render(null, this.node);
  }

  /** Draws what `draw` gives now. */
  redraw(): void {
    if (this.isAttached) render(this.draw(), this.node);
  }
}
