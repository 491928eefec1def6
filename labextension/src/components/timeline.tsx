import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { RunModel } from "./run_model";
import type { Filter } from "./scene";
import { Pill } from "./status";
import { TimelineCanvas } from "./timeline_canvas";
import { oneLine } from "./untrusted";
import { duration, percent } from "./words";

interface TimelineProps {
  model: RunModel;
  filter: Filter;
  selected: number;
  onSelect: (index: number) => void;
}

interface Tip {
  index: number;
  x: number;
  y: number;
}

const KEYS: Record<string, (canvas: TimelineCanvas) => void> = {
  "+": canvas => canvas.zoom(1.5),
  "=": canvas => canvas.zoom(1.5),
  "-": canvas => canvas.zoom(1 / 1.5),
  "0": canvas => canvas.fit(),
  ArrowLeft: canvas => canvas.pan(-0.2),
  ArrowRight: canvas => canvas.pan(0.2),
};

/** The steps of a run over time, on a canvas; the step table says the same to those who can't see it. */
export function Timeline({ model, filter, selected, onSelect }: TimelineProps) {
  const box = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const spacer = useRef<HTMLDivElement>(null);
  const drawn = useRef<TimelineCanvas | null>(null);
  const choose = useRef(onSelect);
  choose.current = onSelect;
  const [tip, setTip] = useState<Tip | null>(null);
  // Before the page is painted, so that no frame shows an empty box.
  useLayoutEffect(() => {
    const made = new TimelineCanvas(box.current!, canvas.current!, spacer.current!, model, {
      onSelect: index => choose.current(index),
      onHover: (index, x, y) => setTip(index < 0 ? null : { index, x, y }),
    });
    drawn.current = made;
    return () => made.destroy();
  }, [model]);
  useEffect(() => drawn.current?.setFilter(filter), [filter]);
  // At once too: a key that comes before would count from what was chosen earlier.
  useLayoutEffect(() => drawn.current?.select(selected), [selected]);
  const onKeyDown = (event: KeyboardEvent) => {
    const act = KEYS[event.key];
    const next = drawn.current?.step(event.key) ?? -1;
    if (event.ctrlKey || event.metaKey || event.altKey || (!act && next < 0 && event.key !== "Escape")) return;
    event.preventDefault();
    event.stopPropagation();
    if (act) return act(drawn.current!);
    // The next key may come before the page is drawn with this step chosen.
    drawn.current?.select(next);
    onSelect(next);
  };
  const zoom = (factor: number) => () => drawn.current?.zoom(factor);
  return (
    <div class="jwl-timeline">
      <div
        ref={box}
        class="jwl-timeline-box"
        tabIndex={0}
        role="application"
        aria-roledescription="timeline"
        aria-label="Steps over time. Up and down choose a step, plus and minus zoom, 0 shows all. The table has the same steps."
        onKeyDown={onKeyDown}
      >
        <canvas ref={canvas} aria-hidden="true" />
        <div ref={spacer} class="jwl-timeline-spacer" />
      </div>
      <div class="jwl-zoom">
        <button type="button" aria-label="Zoom out" title="Zoom out (−)" onClick={zoom(1 / 1.5)}>
          −
        </button>
        <button type="button" aria-label="Zoom in" title="Zoom in (+, Ctrl and wheel)" onClick={zoom(1.5)}>
          +
        </button>
        <button type="button" title="Show all (0, double click)" onClick={() => drawn.current?.fit()}>
          All
        </button>
      </div>
      {tip && tip.index < model.steps.size && <StepTip model={model} tip={tip} width={box.current?.clientWidth ?? 0} />}
    </div>
  );
}

/** What is said about the step under the pointer. */
function StepTip({ model, tip, width }: { model: RunModel; tip: Tip; width: number }) {
  const { steps } = model;
  const { index } = tip;
  const end = steps.isOpen(index) ? model.now() : steps.finished[index]!;
  const queued = steps.started[index]! - steps.scheduled[index]!;
  const held = steps.kindOf(index) !== "activity" && steps.kindOf(index) !== "child";
  const ran = held ? end - steps.scheduled[index]! : end - steps.started[index]!;
  const style = {
    left: `${Math.min(tip.x + 14, Math.max(width - 230, 0))}px`,
    top: `${tip.y + 18}px`,
  };
  return (
    <div class="jwl-tip" style={style} role="presentation">
      <b>{oneLine(model.stepId(index), 60)}</b> <Pill status={steps.statusOf(index)} />
      <div class="jwl-muted">
        {held ? "waited" : "ran"} {duration(ran) || "—"}
        {!held && !Number.isNaN(queued) && ` · in queue ${duration(queued)}`}
        {!Number.isNaN(steps.shareOf(index)) && ` · ${percent(steps.shareOf(index))} done`}
        {steps.attempt[index]! > 1 && ` · attempt ${steps.attempt[index]}`}
      </div>
    </div>
  );
}
