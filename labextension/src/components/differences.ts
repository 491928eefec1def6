// What a reviewer changed: of plain values by path, of long texts by line.

import diff from "microdiff";

export interface Difference {
  path: string;
  before: unknown;
  after: unknown;
  kind: "added" | "removed" | "changed";
}

const KINDS = { CREATE: "added", REMOVE: "removed", CHANGE: "changed" } as const;
const MOST = 200;

/** The differences between two JSON values, by JSON pointer. */
export function differences(before: unknown, after: unknown): Difference[] {
  const [old, next] = [{ value: before }, { value: after }];
  return diff(old, next)
    .slice(0, MOST)
    .map(entry => ({
      path: entry.path
        .slice(1)
        .map(part => `/${String(part).replaceAll("~", "~0").replaceAll("/", "~1")}`)
        .join(""),
      before: "oldValue" in entry ? entry.oldValue : undefined,
      after: "value" in entry ? entry.value : undefined,
      kind: KINDS[entry.type],
    }));
}

export interface Line {
  text: string;
  kind: "same" | "added" | "removed";
}

const MOST_LINES = 400;

/** The lines of two texts, aligned by their longest common part; of very long ones the middle is replaced whole. */
export function lineDifferences(before: string, after: string): Line[] {
  const [old, next] = [before.split("\n"), after.split("\n")];
  let [head, tail] = [0, 0];
  while (head < old.length && head < next.length && old[head] === next[head]) head++;
  while (tail < old.length - head && tail < next.length - head && old.at(-1 - tail) === next.at(-1 - tail)) tail++;
  const middle = aligned(old.slice(head, old.length - tail), next.slice(head, next.length - tail));
  const same = (text: string): Line => ({ text, kind: "same" });
  return [...old.slice(0, head).map(same), ...middle, ...old.slice(old.length - tail).map(same)];
}

function aligned(old: string[], next: string[]): Line[] {
  const removed = (text: string): Line => ({ text, kind: "removed" });
  const added = (text: string): Line => ({ text, kind: "added" });
  if (old.length > MOST_LINES || next.length > MOST_LINES) return [...old.map(removed), ...next.map(added)];
  const longest = commonLengths(old, next);
  const lines: Line[] = [];
  let [row, column] = [0, 0];
  while (row < old.length && column < next.length) {
    if (old[row] === next[column]) {
      lines.push({ text: old[row]!, kind: "same" });
      row++;
      column++;
    } else if (longest[row + 1]![column]! >= longest[row]![column + 1]!) lines.push(removed(old[row++]!));
    else lines.push(added(next[column++]!));
  }
  return [...lines, ...old.slice(row).map(removed), ...next.slice(column).map(added)];
}

/** Length of the longest common subsequence of what follows each pair of lines. */
function commonLengths(old: string[], next: string[]): Uint16Array[] {
  const table = Array.from({ length: old.length + 1 }, () => new Uint16Array(next.length + 1));
  for (let row = old.length - 1; row >= 0; row--)
    for (let column = next.length - 1; column >= 0; column--)
      table[row]![column] =
        old[row] === next[column]
          ? table[row + 1]![column + 1]! + 1
          : Math.max(table[row + 1]![column]!, table[row]![column + 1]!);
  return table;
}
