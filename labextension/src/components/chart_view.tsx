import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { Dashboard } from "../schema";
import type { Chart, Mark } from "./charts";
import { type Field, type TableName, csvOf, tableOf } from "./dashboard_tables";
import { save } from "./downloads";
import { useUnique } from "./hooks";
import { oneLine } from "./untrusted";
import { count, moment } from "./words";

const SHOWN_ROWS = 200;

function pathOf(mark: Exclude<Mark, { kind: "text" }>): string {
  if (mark.kind === "bar") return `M${mark.x} ${mark.y}h${mark.width}v${mark.height}h${-mark.width}z`;
  if (mark.kind === "line") return mark.points.map(([x, y], index) => `${index ? "L" : "M"}${x} ${y}`).join("");
  const { x, y, radius: r } = mark;
  return `M${x - r} ${y}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0z`;
}

function Drawn({ mark }: { mark: Mark }) {
  if (mark.kind === "text")
    return (
      <text class={`jwl-ink-${mark.ink}`} x={mark.x} y={mark.y} text-anchor={mark.anchor}>
        {mark.text}
      </text>
    );
  const drawn = mark.kind === "line" ? `jwl-stroke${mark.dashed ? " jwl-dashed" : ""}` : "jwl-fill";
  return (
    <path class={`jwl-ink-${mark.ink} ${drawn}`} d={pathOf(mark)}>
      {mark.kind !== "line" && mark.title && <title>{mark.title}</title>}
    </path>
  );
}

/** The width of an element, as it changes. */
function useWidth(): [{ current: HTMLDivElement | null }, number] {
  const root = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(420);
  useEffect(() => {
    const element = root.current!;
    const measure = () => setWidth(Math.max(160, Math.floor(element.clientWidth)));
    measure();
    if (typeof ResizeObserver === "undefined") return;
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return [root, width];
}

function Picture({ chart, width }: { chart: Chart; width: number }) {
  return (
    <>
      <ul class="jwl-legend">
        {chart.legend.map(({ ink, words }) => (
          <li key={words}>
            <svg viewBox="0 0 10 10" aria-hidden="true">
              <path class={`jwl-ink-${ink} jwl-fill`} d="M0 0h10v10h-10z" />
            </svg>
            {words}
          </li>
        ))}
      </ul>
      <svg class="jwl-chart" role="img" aria-label={chart.summary} width={width} height={chart.height}>
        {chart.marks.map((mark, index) => (
          <Drawn key={index} mark={mark} />
        ))}
      </svg>
    </>
  );
}

function shown(value: Field, column: string): string {
  if (value === null) return "";
  if (typeof value === "number") return value.toLocaleString("en");
  return /^(from|since|until|oldest)$/.test(column) ? moment(Date.parse(value)) : oneLine(value, 200);
}

/** A table of figures; numbers to the right. */
export function FigureTable({ dashboard, name, label }: { dashboard: Dashboard; name: TableName; label: string }) {
  const { columns, rows } = tableOf(dashboard, name);
  const numeric = columns.map((_, at) => rows.some(row => typeof row[at] === "number"));
  return (
    <div class="jwl-scroll" tabIndex={0} role="region" aria-label={label}>
      <table class="jwl-table jwl-figures">
        <thead>
          <tr>
            {columns.map((column, at) => (
              <th scope="col" key={column} class={numeric[at] ? "jwl-number" : undefined}>
                {column}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.slice(0, SHOWN_ROWS).map((row, index) => (
            <tr key={index}>
              {row.map((value, at) => (
                <td key={at} class={numeric[at] ? "jwl-number" : undefined} dir="auto">
                  {shown(value, columns[at]!)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {rows.length > SHOWN_ROWS && (
        <p class="jwl-muted">{count(rows.length - SHOWN_ROWS, "more row")} in the CSV file</p>
      )}
    </div>
  );
}

interface FigureProps {
  title: string;
  note?: string;
  dashboard: Dashboard;
  table: TableName;
  /** Draws the chart; without one there is the table alone. */
  draw?: (dashboard: Dashboard, width: number) => Chart;
  empty?: string | false | undefined;
  children?: ComponentChildren;
}

/** A chart with its table twin and what it means. */
export function Figure({ title, note, dashboard, table, draw, empty, children }: FigureProps) {
  const [asTable, setAsTable] = useState(!draw);
  const [root, width] = useWidth();
  const id = useUnique("figure");
  return (
    <section class="jwl-figure" aria-labelledby={id}>
      <div class="jwl-row">
        <h4 id={id}>{title}</h4>
        <span class="jwl-right jwl-row">
          {draw && (
            <button
              type="button"
              class="jwl-quiet"
              aria-pressed={asTable}
              aria-label={`${title}: table`}
              onClick={() => setAsTable(!asTable)}
            >
              Table
            </button>
          )}
          <button
            type="button"
            class="jwl-quiet"
            aria-label={`${title}: CSV`}
            onClick={() => save(`${table}.csv`, new Blob([csvOf(tableOf(dashboard, table))], { type: "text/csv" }))}
          >
            CSV
          </button>
        </span>
      </div>
      {note && <p class="jwl-help">{note}</p>}
      <div ref={root}>
        {empty ? (
          <div class="jwl-empty">{empty}</div>
        ) : asTable || !draw ? (
          <FigureTable dashboard={dashboard} name={table} label={title} />
        ) : (
          <Picture chart={draw(dashboard, width)} width={width} />
        )}
      </div>
      {children}
    </section>
  );
}
