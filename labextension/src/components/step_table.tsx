import type { RefObject } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { RunModel } from "./run_model";
import { type Filter, filtered } from "./scene";
import { Icon } from "./status";
import { oneLine } from "./untrusted";
import { duration, percent, statusWords } from "./words";

const ROW = 28;
const SHOWN_ROWS = 14;
const SPARE_ROWS = 6;
const COLUMNS = ["Step", "Status", "In queue", "Ran", "Attempts"];

interface TableProps {
  model: RunModel;
  filter: Filter;
  selected: number;
  onSelect: (index: number) => void;
}

/** The twin of the timeline for keyboard and screen reader; only the rows in sight are in the page. */
export function StepTable({ model, filter, selected, onSelect }: TableProps) {
  const box = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  const { steps } = model;
  const shown = useMemo(() => filtered(steps, filter, index => model.stepId(index)), [model, filter, model.version]);
  const current = Math.max(shown.indexOf(selected), 0);
  const first = Math.max(0, Math.floor(top / ROW) - SPARE_ROWS);
  const last = Math.min(shown.length, first + SHOWN_ROWS + 2 * SPARE_ROWS);
  const focusNext = useRowInSight(box, selected < 0 ? -1 : current, setTop);
  const onKeyDown = (event: KeyboardEvent) => {
    const next = reached(event, current, selected < 0, shown.length);
    if (next < 0) return;
    event.preventDefault();
    event.stopPropagation();
    focusNext(next);
    onSelect(shown[next]!);
  };
  const rows = Array.from(shown.subarray(first, last));
  return (
    <div
      ref={box}
      class="jwl-table-box"
      style={{ maxHeight: `${(SHOWN_ROWS + 1) * ROW}px` }}
      onScroll={event => setTop(event.currentTarget.scrollTop)}
      onKeyDown={onKeyDown}
      tabIndex={shown.length ? -1 : 0}
    >
      <table class="jwl-table" role="grid" aria-label="Steps" aria-rowcount={shown.length + 1}>
        <Heading />
        <tbody>
          {first > 0 && <Spacer rows={first} />}
          {rows.map((index, at) => (
            <StepRow
              key={index}
              model={model}
              index={index}
              place={first + at}
              selected={index === selected}
              reachable={first + at === current}
              onSelect={onSelect}
            />
          ))}
          {last < shown.length && <Spacer rows={shown.length - last} />}
        </tbody>
      </table>
      {!shown.length && <div class="jwl-empty">no such steps</div>}
    </div>
  );
}

/** Keeps the chosen row in sight; gives what focuses a row once it is in the page: rows out of sight are not. */
function useRowInSight(
  box: RefObject<HTMLDivElement>,
  chosen: number,
  onScrolled: (top: number) => void,
): (row: number) => void {
  const wanted = useRef(-1);
  useEffect(() => {
    if (chosen < 0 || !box.current) return;
    scrollTo(box.current, chosen * ROW);
    onScrolled(box.current.scrollTop);
  }, [chosen]);
  useEffect(() => {
    const row =
      wanted.current >= 0 && box.current?.querySelector<HTMLElement>(`tr[aria-rowindex="${wanted.current + 2}"]`);
    if (!row) return;
    wanted.current = -1;
    row.focus({ preventScroll: true });
  });
  return row => (wanted.current = row);
}

/** Brings a row into sight, below the heading. */
function scrollTo(box: HTMLElement, top: number): void {
  const last = top - (SHOWN_ROWS - 2) * ROW;
  if (top < box.scrollTop) box.scrollTop = top;
  else if (last > box.scrollTop) box.scrollTop = last;
}

/** The row that a key leads to; -1 where it is none of ours. */
function reached(event: KeyboardEvent, current: number, isFirst: boolean, rows: number): number {
  if (event.ctrlKey || event.metaKey || event.altKey || !rows) return -1;
  const page = SHOWN_ROWS - 2;
  const moves: Record<string, number> = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page };
  if (event.key === "Home") return 0;
  if (event.key === "End") return rows - 1;
  const move = moves[event.key];
  return move === undefined ? -1 : Math.min(Math.max(current + (isFirst ? 0 : move), 0), rows - 1);
}

function Heading() {
  return (
    <thead>
      <tr aria-rowindex={1}>
        {COLUMNS.map(name => (
          <th scope="col" key={name}>
            {name}
          </th>
        ))}
      </tr>
    </thead>
  );
}

function Spacer({ rows }: { rows: number }) {
  return (
    <tr aria-hidden="true">
      <td colSpan={COLUMNS.length} style={{ height: `${rows * ROW}px`, padding: 0 }} />
    </tr>
  );
}

interface RowProps {
  model: RunModel;
  index: number;
  place: number;
  selected: boolean;
  reachable: boolean;
  onSelect: (index: number) => void;
}

function StepRow({ model, index, place, selected, reachable, onSelect }: RowProps) {
  const { steps } = model;
  const open = steps.isOpen(index);
  const end = open ? model.now() : steps.finished[index]!;
  const kind = steps.kindOf(index);
  const works = kind === "activity" || kind === "child";
  const ran = works ? end - steps.started[index]! : end - steps.scheduled[index]!;
  return (
    <tr
      aria-rowindex={place + 2}
      aria-selected={selected}
      tabIndex={reachable ? 0 : -1}
      onClick={() => onSelect(index)}
      onFocus={() => !selected && onSelect(index)}
    >
      <td class="jwl-clip">{oneLine(model.stepId(index), 120)}</td>
      <td class="jwl-nowrap">
        <Icon status={steps.statusOf(index)} /> {statusWords(steps.statusOf(index))} {percent(steps.shareOf(index))}
      </td>
      <td class="jwl-number">{works ? duration(steps.started[index]! - steps.scheduled[index]!) : ""}</td>
      <td class="jwl-number">{kind === "signal" ? "" : `${duration(ran)}${open && !Number.isNaN(ran) ? "…" : ""}`}</td>
      <td class="jwl-number">{steps.attempt[index] || ""}</td>
    </tr>
  );
}
