import { useState } from "preact/hooks";
import type { Run, ShownComparison, ShownDifference, ShownPair } from "../schema";
import { type Opened, useAction, useOpened, useUnique } from "./hooks";
import type { RunModel } from "./run_model";
import { Pill } from "./status";
import { Alert } from "./text_views";
import { oneLine } from "./untrusted";
import { count } from "./words";

interface CompareProps {
  model: RunModel;
  /** The run that this one was forked from. */
  origin: { id: string; run_id: string } | null;
  forks: Run[];
}

/** Puts another run beside this one: the one it was forked from, a fork of it, or any other. */
export function Compare({ model, origin, forks }: CompareProps) {
  const [found, setFound] = useState<ShownComparison | null>(null);
  const [doing, act] = useAction();
  const opened = useOpened<HTMLButtonElement, HTMLFormElement>();
  const compare = (workflowId: string, runId: string) => {
    if (doing.busy || !workflowId) return;
    void act(async () => {
      const asked = { type: "compare" as const, topic: model.topic, workflow_id: workflowId, run_id: runId };
      setFound((await model.link.ask(asked)).comparison);
      opened.close();
    });
  };
  return (
    <div class="jwl-compare">
      <div class="jwl-row">
        {origin && (
          <button
            type="button"
            class="jwl-quiet"
            aria-disabled={doing.busy}
            onClick={() => compare(origin.id, origin.run_id)}
          >
            Compare with the run it was forked from
          </button>
        )}
        {!opened.isOpen && (
          <button type="button" class="jwl-quiet" ref={opened.opener} onClick={opened.open}>
            {origin ? "Compare with another…" : "Compare…"}
          </button>
        )}
      </div>
      {opened.isOpen && <OtherRun opened={opened} busy={doing.busy} forks={forks} onChosen={id => compare(id, "")} />}
      <Alert message={doing.error} />
      {found && <ComparisonView found={found} onClose={() => setFound(null)} />}
    </div>
  );
}

interface OtherRunProps {
  opened: Opened<HTMLButtonElement, HTMLFormElement>;
  busy: boolean;
  forks: Run[];
  onChosen: (id: string) => void;
}

/** Asks which run to compare with. */
function OtherRun({ opened, busy, forks, onChosen }: OtherRunProps) {
  const [written, setId] = useState<string | null>(null);
  const id = written ?? forks[0]?.id ?? "";
  const names = useUnique("runs");
  return (
    <form
      class="jwl-row"
      aria-label="Compare with another run"
      tabIndex={-1}
      ref={opened.panel}
      onKeyDown={opened.onKeyDown}
      onSubmit={event => {
        event.preventDefault();
        onChosen(id.trim());
      }}
    >
      <label class="jwl-compare-with">
        <span class="jwl-label">Id of the other run</span>
        <input list={names} value={id} onInput={event => setId(event.currentTarget.value)} />
      </label>
      <datalist id={names}>
        {forks.slice(0, 50).map(each => (
          <option key={each.id} value={each.id} />
        ))}
      </datalist>
      <button type="submit" aria-disabled={busy}>
        {busy ? "reading…" : "Compare"}
      </button>
      <button type="button" class="jwl-quiet" onClick={opened.close}>
        Close
      </button>
    </form>
  );
}

/** Two runs side by side; each step that differs is open. */
function ComparisonView({ found, onClose }: { found: ShownComparison; onClose: () => void }) {
  return (
    <section class="jwl-comparison" aria-label="Comparison">
      <header class="jwl-row">
        <b>Two runs side by side</b>
        <button type="button" class="jwl-right jwl-quiet" aria-label="Close the comparison" onClick={onClose}>
          ✕
        </button>
      </header>
      <div class="jwl-table-box" tabIndex={0} role="group" aria-label="What the runs came to">
        <table class="jwl-table">
          <thead>
            <tr>
              <td />
              <Side letter="A" run={found.a} />
              <Side letter="B" run={found.b} />
            </tr>
          </thead>
          <tbody>
            {found.facts.map(({ name, a, b }) => (
              <tr key={name}>
                <th scope="row">{name}</th>
                <td class="jwl-any">{oneLine(a, 240)}</td>
                <td class="jwl-any">{oneLine(b, 240)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <Differences title="arguments" found={found.arguments} />
      <Differences title="result" found={found.result} />
      {found.steps.map((pair, at) => (
        <Pair key={at} pair={pair} />
      ))}
      {found.more > 0 && <div class="jwl-muted">and {count(found.more, "more step")}</div>}
    </section>
  );
}

function Side({ letter, run }: { letter: string; run: Run }) {
  return (
    <th scope="col">
      {letter} <Pill status={run.status} />
      <div class="jwl-mono jwl-any">{oneLine(run.id, 120)}</div>
    </th>
  );
}

function Pair({ pair }: { pair: ShownPair }) {
  return (
    <details open={pair.differs}>
      <summary>
        <span class="jwl-mono jwl-any">{oneLine(pair.name, 100)}</span>{" "}
        <span class={`jwl-tag ${pair.differs ? "jwl-wait" : ""}`}>{oneLine(pair.verdict, 80)}</span>
      </summary>
      <div class="jwl-any">
        <b>A</b> {oneLine(pair.a, 300)}
      </div>
      <div class="jwl-any">
        <b>B</b> {oneLine(pair.b, 300)}
      </div>
      <Differences found={pair.differences} />
    </details>
  );
}

const SIGNS: Record<string, "del" | "ins"> = { "-": "del", "+": "ins" };

function Differences({ title, found }: { title?: string; found: ShownDifference[] }) {
  if (!found.length) return null;
  return (
    <div class="jwl-differences">
      {title && <div class="jwl-label">{title}</div>}
      {found.map(({ place, lines }, at) => (
        <div key={at}>
          {place && <div class="jwl-mono jwl-muted jwl-any">{oneLine(place, 200)}</div>}
          <div class="jwl-code jwl-diff-lines" dir="auto">
            {(lines as [string, string][]).map(([sign, words], line) => {
              const Mark = SIGNS[sign] ?? "span";
              return (
                <div key={line}>
                  {oneLine(sign, 2)} <Mark>{oneLine(words, 400)}</Mark>
                </div>
              );
            })}
          </div>
        </div>
      ))}
    </div>
  );
}
