import { useEffect, useRef, useState } from "preact/hooks";
import type { CellLocation, Failure, ShownValue } from "../schema";
import { renderMarkdown } from "./markdown";
import { oneLine, printable } from "./untrusted";

/** Text as Markdown, without any markup of its own. */
export function Markdown({ text }: { text: string }) {
  const root = useRef<HTMLDivElement>(null);
  useEffect(() => renderMarkdown(root.current!, text.slice(0, 100_000)), [text]);
  return <div ref={root} class="jwl-markdown" dir="auto" />;
}

/** A value as its host wrote it; long ones fold. */
export function Value({ value, label }: { value: ShownValue | null; label?: string }) {
  const [open, setOpen] = useState(false);
  if (!value) return null;
  const long = value.text.length > 1_200 || value.text.split("\n", 16).length > 15;
  return (
    <div class="jwl-value">
      {label && <div class="jwl-label">{label}</div>}
      <pre class={long && !open ? "jwl-code jwl-folded" : "jwl-code"} tabIndex={long ? 0 : undefined} dir="auto">
        {printable(value.text, 100_000)}
      </pre>
      {long && (
        <button type="button" class="jwl-link" aria-expanded={open} onClick={() => setOpen(!open)}>
          {open ? "show less" : "show all"}
        </button>
      )}
      {!value.whole && <span class="jwl-muted"> The value is longer; `run.steps()` has all of it.</span>}
    </div>
  );
}

/** `cell [7] line 3`; a button where the host can show the cell. */
export function Place({ at, onShow }: { at: CellLocation | null; onShow?: ((at: CellLocation) => void) | undefined }) {
  if (!at) return null;
  const cell = at.cell_number === null ? `cell ${oneLine(at.cell_id, 12)}` : `cell [${at.cell_number}]`;
  const words = `${cell} line ${at.line}`;
  if (!onShow) return <span class="jwl-muted">{words}</span>;
  return (
    <button type="button" class="jwl-link" onClick={() => onShow(at)}>
      {words}
    </button>
  );
}

interface FailureProps {
  failure: Failure;
  onShow?: ((at: CellLocation) => void) | undefined;
}

/** Why something failed: exception, message, cell and line, the user's own frames. */
export function FailureView({ failure, onShow }: FailureProps) {
  const source = failure.location?.source_line;
  return (
    <div class="jwl-note jwl-fail">
      <div class="jwl-said" dir="auto">
        <b class="jwl-mono">{oneLine(failure.type, 120)}</b> {printable(failure.message, 8_000)}
      </div>
      <div>
        {failure.step && <span class="jwl-muted">step {oneLine(failure.step, 80)} </span>}
        <Place at={failure.location} onShow={onShow} />
        {failure.attempts !== null && failure.attempts > 1 && (
          <span class="jwl-muted"> after {failure.attempts} attempts</span>
        )}
      </div>
      {source && <pre class="jwl-code">{oneLine(source, 300)}</pre>}
      {failure.traceback && (
        <details>
          <summary>traceback</summary>
          <pre class="jwl-code">{printable(failure.traceback, 8_000)}</pre>
        </details>
      )}
      {failure.cause && (
        <details>
          <summary>caused by {oneLine(failure.cause.type, 80)}</summary>
          <FailureView failure={failure.cause} onShow={onShow} />
        </details>
      )}
    </div>
  );
}

/** What went wrong with something the reader did. */
export function Alert({ message }: { message: string | null }) {
  return (
    <div role="alert" class={message ? "jwl-note jwl-fail" : undefined}>
      {message && printable(message, 2_000)}
    </div>
  );
}
