import { useEffect, useRef } from "preact/hooks";
import { useChanges } from "./hooks";
import { MarkdownWriter } from "./markdown";
import type { TokenText } from "./token_text";
import { printable } from "./untrusted";
import { count } from "./words";

/**
 * The text a step is writing, as Markdown, while it comes. Each piece costs the same however long the text is.
 * It is no live region: a screen reader announces that a text is complete, not its words.
 */
export function TokenStream({ tokens, label }: { tokens: TokenText; label: string }) {
  const root = useRef<HTMLDivElement>(null);
  useChanges(tokens.shape);
  useEffect(() => written(tokens, root.current!), [tokens]);
  return (
    <section class="jwl-tokens" aria-label={label} aria-busy={!tokens.done}>
      {tokens.abandoned.map(({ attempt, length, text }) => (
        <details key={attempt} class="jwl-muted">
          <summary>
            attempt {attempt} broke off after {count(length, "character")}
          </summary>
          <div class="jwl-said">{printable(text)}</div>
        </details>
      ))}
      {tokens.attempt > 1 && <div class="jwl-label">attempt {tokens.attempt}</div>}
      {tokens.begins > 0 && <div class="jwl-label">after {count(tokens.begins, "character")} that are not shown</div>}
      <div ref={root} class="jwl-markdown" dir="auto" />
      {!tokens.done && <span class="jwl-caret" aria-hidden="true" />}
    </section>
  );
}

/** Writes the text into an element as it comes, once a frame; gives what ends it. */
function written(tokens: TokenText, root: HTMLElement): () => void {
  let writer = new MarkdownWriter(root);
  let { generation } = tokens;
  let next = 0;
  let ended = false;
  let frame = 0;
  const write = () => {
    frame = 0;
    if (tokens.generation !== generation) {
      writer = new MarkdownWriter(root);
      ({ generation } = tokens);
      next = 0;
      ended = false;
    }
    if (next < tokens.pieces.length && !ended) writer.add(tokens.pieces.slice(next).join(""));
    next = tokens.pieces.length;
    if (tokens.done && !ended) writer.end();
    ended = tokens.done;
  };
  write();
  const stop = tokens.subscribe(() => {
    frame ||= requestAnimationFrame(write);
  });
  return () => {
    cancelAnimationFrame(frame);
    stop();
  };
}
