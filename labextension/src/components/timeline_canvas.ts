// The timeline's canvas: it keeps what part is seen, paints when something changed, and reads pointer and keys.

import type { RunModel } from "./run_model";
import { type Frame, type Theme, paint, readTheme } from "./paint";
import { type Filter, Scene, filtered, layout } from "./scene";
import { time } from "./words";

const AXIS = 22;
const ROW = 25;
const MOST_HEIGHT = 420;
const NARROW = 560;
const BESIDE = 112;
const ZOOM = 1.25;
const TICK_MS = 250;
const CALM_TICK_MS = 1_000;

export interface CanvasEvents {
  onSelect(index: number): void;
  onHover(index: number, x: number, y: number): void;
}

/** Paints the timeline of a run into a scrolling box that holds a canvas and a spacer. */
export class TimelineCanvas {
  private scene: Scene | null = null;
  private shown: Uint32Array = new Uint32Array(0);
  private theme: Theme | null = null;
  private filter: Filter = { search: "", status: "all" };
  private seen = -1;
  private range: [number, number] | null = null;
  private selected = -1;
  private hovered = -1;
  private frameAsked = false;
  private visible = true;
  private width = 0;
  private laneHeight = ROW;
  private readonly stops: (() => void)[] = [];
  private readonly pen: CanvasRenderingContext2D;

  constructor(
    private readonly box: HTMLElement,
    private readonly canvas: HTMLCanvasElement,
    private readonly spacer: HTMLElement,
    private readonly model: RunModel,
    private readonly events: CanvasEvents,
  ) {
    this.pen = canvas.getContext("2d")!;
    this.stops.push(model.subscribe(() => this.refresh()));
    this.watchSize();
    this.watchTheme();
    this.watchPointer();
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const timer = setInterval(() => this.tick(), calm ? CALM_TICK_MS : TICK_MS);
    this.stops.push(() => clearInterval(timer));
    // At once, not in the next frame: it is made when there is something to show.
    this.width = Math.floor(box.clientWidth);
    this.draw();
  }

  destroy(): void {
    for (const stop of this.stops) stop();
  }

  setFilter(filter: Filter): void {
    if (filter.search === this.filter.search && filter.status === this.filter.status) return;
    this.filter = filter;
    this.seen = -1;
    this.refresh();
  }

  select(index: number): void {
    if (index === this.selected) return;
    this.selected = index;
    this.reveal(this.rowOf(index));
    this.refresh();
  }

  /** Shows everything, and goes on doing so while the run grows. */
  fit(): void {
    this.range = null;
    this.refresh();
  }

  /** Zooms by a factor around a place, by default the middle. */
  zoom(factor: number, around?: number): void {
    const [from, to] = this.bounds();
    const total = this.scene?.scale.total ?? 1;
    const span = Math.min(Math.max((to - from) / factor, total * 1e-6, 0.01), total);
    const at = around ?? (from + to) / 2;
    const share = (at - from) / Math.max(to - from, 1e-9);
    this.look(at - share * span, span);
  }

  /** Moves what is seen by a share of it. */
  pan(share: number): void {
    const [from, to] = this.bounds();
    this.look(from + share * (to - from), to - from);
  }

  /** The index of the step that a key leads to; -1 where the key is none of ours. */
  step(key: string): number {
    // Out of sight nothing is drawn, but steps may have come.
    this.build();
    const row = this.rowOf(this.selected);
    const last = this.shown.length - 1;
    const next = { ArrowDown: row + 1, ArrowUp: row < 0 ? last : row - 1, Home: 0, End: last }[key];
    if (next === undefined || last < 0) return -1;
    return this.shown[Math.min(Math.max(next, 0), last)]!;
  }

  private look(from: number, span: number): void {
    const total = this.scene?.scale.total ?? 1;
    const left = Math.min(Math.max(from, 0), total - span);
    this.range = span >= total * 0.999 ? null : [left, left + span];
    this.refresh();
  }

  private bounds(): [number, number] {
    const total = this.scene?.scale.total ?? 1;
    if (this.range || !this.scene?.layout.rows) return this.range ?? [0, total];
    // Room on the right, where steps say how long they took.
    const plot = Math.max(this.width - this.gutter(), 1);
    return [0, (total * plot) / Math.max(plot - BESIDE, plot * 0.6)];
  }

  private rowOf(index: number): number {
    return index < 0 ? -1 : this.shown.indexOf(index);
  }

  private reveal(row: number): void {
    if (row < 0 || !this.scene) return;
    const top = this.scene.layout.lane[row]! * this.laneHeight;
    const height = this.box.clientHeight - AXIS;
    if (top < this.box.scrollTop) this.box.scrollTop = top;
    else if (top + this.laneHeight > this.box.scrollTop + height) this.box.scrollTop = top + this.laneHeight - height;
    if (!this.range) return;
    const [from, to] = this.range;
    const left = this.scene.left[row]!;
    if (left < from || left > to) this.look(left - (to - from) / 4, to - from);
  }

  private refresh(): void {
    if (this.frameAsked) return;
    this.frameAsked = true;
    requestAnimationFrame(() => {
      this.frameAsked = false;
      if (this.visible) this.draw();
    });
  }

  private tick(): void {
    if (!this.visible || this.model.closed || document.hidden || !this.model.head) return;
    // A scene of 50,000 steps costs some milliseconds: the more steps, the fewer ticks.
    if (this.model.steps.size > 5_000 && Math.random() > 0.25) return;
    this.seen = -1;
    this.refresh();
  }

  private build(): void {
    const { model } = this;
    const head = model.head;
    if (!head || (this.seen === model.version && this.scene)) return;
    this.seen = model.version;
    this.shown = filtered(model.steps, this.filter, index => model.stepId(index));
    const now = Math.max(model.now(), model.steps.size ? model.steps.scheduled[model.steps.size - 1]! : 0);
    const start = Math.min(time(head.run.started_at), model.steps.size ? model.steps.scheduled[0]! : Infinity);
    this.scene = new Scene(model.steps, this.shown, layout(model.steps, this.shown, now), start, now);
    const { lanes, rows } = this.scene.layout;
    this.laneHeight = rows ? ROW : Math.min(16, Math.max(4, Math.floor((MOST_HEIGHT - AXIS) / Math.max(lanes, 1))));
    const height = AXIS + Math.max(lanes, 1) * this.laneHeight + 4;
    this.box.style.height = `${Math.min(height, MOST_HEIGHT)}px`;
    this.spacer.style.height = `${height}px`;
  }

  private draw(): void {
    this.build();
    if (!this.scene || !this.width) return;
    this.theme ??= readTheme(this.box);
    const height = this.box.clientHeight;
    const ratio = devicePixelRatio || 1;
    const [wide, high] = [this.pixels(this.width), this.pixels(height)];
    if (this.canvas.width !== wide || this.canvas.height !== high) {
      this.canvas.width = wide;
      this.canvas.height = high;
      this.canvas.style.width = `${this.width}px`;
      this.canvas.style.height = `${height}px`;
    }
    this.pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    paint(this.pen, this.scene, this.frame(height), this.theme, {
      stepId: index => this.model.stepId(index),
      groupName: name => this.model.names[name]?.name ?? "?",
    });
    const painted = String(this.scene.shown.length);
    if (this.box.dataset.painted !== painted) this.box.dataset.painted = painted;
  }

  private pixels(length: number): number {
    return Math.round(length * (devicePixelRatio || 1));
  }

  private frame(height: number): Frame {
    const [from, to] = this.bounds();
    return {
      from,
      to,
      width: this.width,
      height,
      gutter: this.gutter(),
      axis: AXIS,
      laneHeight: this.laneHeight,
      scrollTop: this.box.scrollTop,
      selected: this.rowOf(this.selected),
      hovered: this.rowOf(this.hovered),
    };
  }

  private gutter(): number {
    return this.width < NARROW ? Math.round(this.width * 0.4) : Math.min(260, Math.round(this.width * 0.3));
  }

  /** The place under a point of the box, and the index of the step there. */
  private under(event: MouseEvent): { place: number; index: number } {
    const area = this.box.getBoundingClientRect();
    const [from, to] = this.bounds();
    const perPixel = (to - from) / Math.max(this.width - this.gutter(), 1);
    const place = from + (event.clientX - area.left - this.gutter()) * perPixel;
    const lane = Math.floor((event.clientY - area.top - AXIS + this.box.scrollTop) / this.laneHeight);
    const row = lane < 0 || !this.scene ? -1 : this.scene.at(lane, place, 3 * perPixel);
    return { place, index: row < 0 ? -1 : this.shown[row]! };
  }

  private watchSize(): void {
    const sizes = new ResizeObserver(([entry]) => {
      const width = Math.floor(entry!.contentRect.width);
      if (width === this.width && this.canvas.height === this.pixels(this.box.clientHeight)) return;
      this.width = width;
      this.refresh();
    });
    sizes.observe(this.box);
    const sight = new IntersectionObserver(([entry]) => {
      const wasVisible = this.visible;
      this.visible = entry!.isIntersecting;
      if (this.visible && !wasVisible) this.refresh();
      else if (this.visible) return;
      // Out of sight it needs no memory.
      else this.canvas.width = this.canvas.height = 0;
    });
    sight.observe(this.box);
    this.stops.push(
      () => sizes.disconnect(),
      () => sight.disconnect(),
    );
  }

  private watchTheme(): void {
    const renew = () => {
      this.theme = null;
      this.refresh();
    };
    const watch = new MutationObserver(renew);
    watch.observe(document.body, { attributes: true });
    const dark = matchMedia("(prefers-color-scheme: dark)");
    dark.addEventListener("change", renew);
    this.stops.push(
      () => watch.disconnect(),
      () => dark.removeEventListener("change", renew),
    );
  }

  private watchPointer(): void {
    const on = <Type extends keyof HTMLElementEventMap>(
      type: Type,
      handler: (event: HTMLElementEventMap[Type]) => void,
    ) => {
      this.box.addEventListener(type, handler, { passive: false });
      this.stops.push(() => this.box.removeEventListener(type, handler));
    };
    let drag: { x: number; range: [number, number]; moved: boolean } | null = null;
    on("scroll", () => this.refresh());
    on("wheel", event => this.wheel(event));
    on("dblclick", () => this.fit());
    on("pointerdown", event => (drag = { x: event.clientX, range: this.bounds(), moved: false }));
    on("pointermove", event => {
      if (!drag || !(event.buttons & 1)) return this.hover(event);
      const [from, to] = drag.range;
      const moved = ((drag.x - event.clientX) * (to - from)) / Math.max(this.width - this.gutter(), 1);
      drag.moved ||= Math.abs(drag.x - event.clientX) > 3;
      if (drag.moved && this.range) this.look(from + moved, to - from);
    });
    on("pointerup", event => {
      const index = drag && !drag.moved ? this.under(event).index : -1;
      drag = null;
      if (index >= 0) this.events.onSelect(index);
    });
    on("pointerleave", () => this.hover(null));
  }

  private wheel(event: WheelEvent): void {
    const along = event.shiftKey ? event.deltaY || event.deltaX : event.deltaX;
    if (event.ctrlKey || event.metaKey) {
      event.preventDefault();
      this.zoom(ZOOM ** (-event.deltaY / 60), this.under(event).place);
    } else if (this.range && Math.abs(along) > Math.abs(event.shiftKey ? 0 : event.deltaY)) {
      event.preventDefault();
      this.pan(along / Math.max(this.width, 1));
    }
  }

  private hover(event: PointerEvent | null): void {
    const index = event ? this.under(event).index : -1;
    if (event) {
      const area = this.box.getBoundingClientRect();
      this.events.onHover(index, event.clientX - area.left, event.clientY - area.top);
    } else this.events.onHover(-1, 0, 0);
    if (index === this.hovered) return;
    this.hovered = index;
    this.refresh();
  }
}
