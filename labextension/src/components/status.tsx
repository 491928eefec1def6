import { SIGNS, type AnyStatus } from "./icons";
import { statusWords } from "./words";

/** The sign of a status; words stand beside it. */
export function Icon({ status }: { status: AnyStatus }) {
  const { tone, path, filled } = SIGNS[status] ?? SIGNS.scheduled;
  return (
    <svg class={`jwl-icon jwl-${tone}`} viewBox="0 0 16 16" aria-hidden="true">
      <path d={path} class={filled ? "jwl-filled" : "jwl-stroked"} />
    </svg>
  );
}

/** A status as sign and words on its colour. */
export function Pill({ status, words }: { status: AnyStatus; words?: string }) {
  const { tone } = SIGNS[status] ?? SIGNS.scheduled;
  return (
    <span class={`jwl-pill jwl-${tone}`}>
      <Icon status={status} />
      {words ?? statusWords(status)}
    </span>
  );
}
