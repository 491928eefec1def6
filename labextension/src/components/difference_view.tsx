import { differences, lineDifferences } from "./differences";
import { oneLine, printable } from "./untrusted";

const MARKS = { same: " ", added: "+", removed: "−" } as const;

/** What changed between two values. */
export function DifferenceView({ before, after }: { before: unknown; after: unknown }) {
  if (typeof before === "string" && typeof after === "string") return <Lines before={before} after={after} />;
  const found = differences(before, after);
  if (!found.length) return <div class="jwl-muted">no changes</div>;
  return (
    <ul class="jwl-diff" aria-label="Changes">
      {found.map(({ path, before: old, after: next, kind }) => (
        <li key={path} dir="auto">
          <code>{oneLine(path || "value", 120)}</code> {kind !== "added" && <del>{shown(old)}</del>}
          {kind === "changed" && " → "}
          {kind !== "removed" && <ins>{shown(next)}</ins>}
        </li>
      ))}
    </ul>
  );
}

function shown(value: unknown): string {
  return oneLine(JSON.stringify(value) ?? "", 200);
}

function Lines({ before, after }: { before: string; after: string }) {
  const lines = lineDifferences(before, after);
  if (lines.every(line => line.kind === "same")) return <div class="jwl-muted">no changes</div>;
  const near = lines.map((_, at) => lines.slice(Math.max(0, at - 2), at + 3).some(line => line.kind !== "same"));
  return (
    <pre class="jwl-code jwl-lines" aria-label="Changes">
      {lines.map(({ text, kind }, at) =>
        near[at] ? (
          <div key={at} class={`jwl-${kind}`}>
            {MARKS[kind]} {printable(text, 2_000)}
          </div>
        ) : null,
      )}
    </pre>
  );
}
