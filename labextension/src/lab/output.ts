// Outputs of ours in a notebook: live from the Jupyter server, whatever has become of the kernel.
//
// What was saved with the notebook is shown where the live view has nothing to show: at once while the server has not
// answered yet, and for good where it does not know the run.

import type { IRenderMime, IRenderMimeRegistry } from "@jupyterlab/rendermime";
import { Panel, type Widget } from "@lumino/widgets";
import { Refused } from "../components/protocol";
import type { RunHost } from "../components/run_card";
import type { Session } from "./session";
import { show, type Shown } from "./shown";
import { sameServer, serverOf, topicOf } from "./topics";

const WIDGET_MIME = "application/vnd.jupyter.widget-view+json";
const SAVED_FORMS = ["text/html", "text/plain"];
/** A server that answers within this time needs no stand-in. */
const PATIENCE_MS = 400;
/** A kernel that still has the widget shows it within this time. */
const WIDGET_MS = 3_000;

export class Output extends Panel implements IRenderMime.IRenderer {
  private live: Shown | null = null;
  /** What is shown in its place. */
  private standIn: Widget | null = null;
  private askedKernel = false;
  private drawn: IRenderMime.IMimeModel | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private unsubscribe: (() => void)[] = [];

  constructor(
    private readonly mime: string,
    private readonly session: Session,
    private readonly host: RunHost,
    private readonly rendermime: IRenderMimeRegistry,
  ) {
    super();
    this.addClass("jwl-output");
    // Keys that are pressed in a view are the view's, not the notebook's.
    this.node.dataset.lmSuppressShortcuts = "true";
  }

  async renderModel(model: IRenderMime.IMimeModel): Promise<void> {
    this.drawn = model;
    const topic = topicOf(this.mime, model.data[this.mime]);
    if (topic !== null && topic === this.live?.topic) return;
    this.leave();
    if (topic === null) return this.showSaved();
    const shown = show(this.session, topic, this.host);
    this.live = shown;
    const look = () => this.look();
    const { stream, status } = this.session;
    this.unsubscribe = [shown.source.subscribe(look), stream.watch(look), status.subscribe(look)];
    this.timer = setTimeout(() => this.look(true), PATIENCE_MS);
    this.look();
  }

  override dispose(): void {
    if (this.isDisposed) return;
    this.leave();
    super.dispose();
  }

  /** Shows what there is to show: the live view once something is known, what was saved when patience is at an end. */
  private look(impatient = false): void {
    const { live } = this;
    if (!live) return;
    if (live.known() && !this.isElsewhere()) {
      clearTimeout(this.timer);
      this.standFor(null);
      if (!live.view.parent) this.addWidget(live.view);
    } else if (!this.askedKernel && this.isAttached && this.isUnknown(live)) {
      clearTimeout(this.timer);
      this.askedKernel = true;
      void this.showKernels(live);
    } else if (impatient && !this.standIn) void this.showSaved();
  }

  /** Whether the server said that it knows nothing of it, looks elsewhere, or does not serve runs at all. */
  private isUnknown(live: Shown): boolean {
    return live.source.liveness === "closed" || this.session.stream.state === "absent" || this.isElsewhere();
  }

  /** Whether this is a list of another Temporal than the Jupyter server's. */
  private isElsewhere(): boolean {
    const server = serverOf(this.mime, this.drawn?.data[this.mime]);
    const state = this.session.status.state;
    if (!server || !state?.address) return false;
    return state.namespace !== server.namespace || !sameServer(state.address, server.address);
  }

  protected override onAfterAttach(): void {
    this.look();
  }

  /** The kernel's own view: a run that this server does not know may be one of another Temporal. */
  private async showKernels(live: Shown): Promise<void> {
    const model = this.drawn!;
    const registry = this.ownRegistry();
    if (!(WIDGET_MIME in model.data && model.trusted && registry.getFactory(WIDGET_MIME))) return this.showSaved();
    const renderer = registry.createRenderer(WIDGET_MIME);
    renderer.hide();
    this.addWidget(renderer);
    try {
      await Promise.race([renderer.renderModel(model).then(never), filled(renderer)]);
    } catch {
      renderer.dispose();
      return this.showSaved();
    }
    if (this.live !== live || live.view.parent) renderer.dispose();
    else this.standFor(renderer);
  }

  /** What stands in the notebook's file. */
  private async showSaved(): Promise<void> {
    const model = this.drawn!;
    const mime = SAVED_FORMS.find(each => each in model.data);
    if (!mime) return;
    const renderer = this.ownRegistry().createRenderer(mime);
    this.addWidget(renderer);
    this.standFor(renderer);
    await renderer.renderModel(model);
  }

  private standFor(standIn: Widget | null): void {
    this.standIn?.dispose();
    this.standIn = standIn;
    standIn?.show();
  }

  /** The renderers of the notebook that this is an output of, which know its kernel. */
  private ownRegistry(): IRenderMimeRegistry {
    for (let each: Widget | null = this.parent; each; each = each.parent)
      if ("rendermime" in each) return each.rendermime as IRenderMimeRegistry;
    return this.rendermime;
  }

  private leave(): void {
    clearTimeout(this.timer);
    for (const end of this.unsubscribe) end();
    this.unsubscribe = [];
    this.standFor(null);
    this.askedKernel = false;
    this.live?.view.dispose();
    this.live?.release();
    this.live = null;
  }
}

function never(): Promise<void> {
  return new Promise(() => undefined);
}

/**
 * Waits until a widget's view is drawn.
 * @throws {Refused} The kernel has it no more.
 */
async function filled(renderer: Widget): Promise<void> {
  const end = Date.now() + WIDGET_MS;
  while (!renderer.node.querySelector(".jwl")) {
    if (Date.now() > end) throw new Refused("The kernel has this view no more.");
    await new Promise(requestAnimationFrame);
  }
}
