import type { Liveness } from "./protocol";
import { printable } from "./untrusted";

/** Says that what is shown may be old, and why. */
export function Notice({ trouble, liveness }: { trouble: string | null; liveness: Liveness }) {
  const words = trouble ?? (liveness === "silent" ? "The kernel does not answer: what is shown may be old." : null);
  return (
    <div role="status" class={words ? "jwl-note jwl-off" : undefined}>
      {words && printable(words, 1_000)}
    </div>
  );
}
