import type { Link, Liveness } from "./protocol";
import { printable } from "./untrusted";

interface Shown {
  trouble: string | null;
  liveness: Liveness;
  link: Pick<Link, "host">;
}

/** Says that what is shown may be old, and why. */
export function Notice({ model: { trouble, liveness, link } }: { model: Shown }) {
  const words =
    trouble ?? (liveness === "silent" ? `${link.host} does not answer: what is shown may be old until it does.` : null);
  return (
    <div role="status" class={words ? "jwl-note jwl-off" : undefined}>
      {words && printable(words, 1_000)}
    </div>
  );
}
