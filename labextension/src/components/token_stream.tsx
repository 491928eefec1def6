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
  useChanges(tokens);
  useEffect(() => {
    let writer = new MarkdownWriter(root.current!);
    let attempt = tokens.attempt;
    let written = 0;
    let asked = false;
    const write = () => {
      asked = false;
      if (tokens.attempt !== attempt) {
        writer = new MarkdownWriter(root.current!);
        attempt = tokens.attempt;
        written = 0;
      }
      writer.add(tokens.text.slice(written));
      written = tokens.text.length;
      if (tokens.done) writer.end();
    };
    write();
    return tokens.subscribe(() => {
      if (!asked) requestAnimationFrame(write);
      asked = true;
    });
  }, [tokens]);
  return (
    <section class="jwl-tokens" aria-label={label} aria-busy={!tokens.done}>
      {tokens.abandoned.map(({ attempt, text }) => (
        <details key={attempt} class="jwl-muted">
          <summary>
            attempt {attempt} broke off after {count(text.length, "character")}
          </summary>
          <div class="jwl-said">{printable(text)}</div>
        </details>
      ))}
      {tokens.attempt > 1 && <div class="jwl-label">attempt {tokens.attempt}</div>}
      <div ref={root} class="jwl-markdown" dir="auto" />
      {!tokens.done && <span class="jwl-caret" aria-hidden="true" />}
    </section>
  );
}
