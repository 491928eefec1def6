import { describe, expect, test } from "vitest";
import { MOST_CHARACTERS, TokenText } from "../src/components/token_text";

const piece = (offset: number, text: string, attempt = 1) => ({
  step: "draft-1",
  attempt,
  number: 0,
  offset,
  text,
  done: false,
});

describe("a text that runs away", () => {
  const chunk = "🙂bcdefghij".repeat(1_000);
  const size = 10_000;
  const text = new TokenText();
  for (let at = 0; at < 100; at++) text.take(piece(at * size, chunk));

  test("is cut from its beginning, and says how much is not shown", () => {
    expect(text.length).toBe(100 * size);
    expect([...text.text].length).toBe(text.length - text.begins);
    expect(text.length - text.begins).toBeLessThanOrEqual(MOST_CHARACTERS);
    expect(chunk.repeat(20).endsWith(text.text)).toBe(true);
  });

  test("does not begin anew when an old piece comes again", () => {
    const { generation, begins } = text;
    text.take(piece(0, chunk));
    text.take(piece(98 * size, chunk + chunk));
    expect([text.generation, text.begins, text.length]).toEqual([generation, begins, 100 * size]);
    text.take(piece(99 * size, `${chunk}end`));
    expect(text.text.endsWith("jend")).toBe(true);
  });

  test("begins with the next attempt", () => {
    text.take(piece(0, "anew", 2));
    expect([text.text, text.begins, text.abandoned[0]?.length]).toEqual(["anew", 0, 100 * size + 3]);
  });
});

test("a view that came late takes the beginning when it comes", () => {
  const text = new TokenText();
  text.take(piece(5, "later"));
  text.take(piece(0, "from the start, later"));
  expect([text.text, text.begins]).toEqual(["from the start, later", 0]);
});
