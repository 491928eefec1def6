import { describe, expect, it } from "vitest";
import { percent, roundUp } from "../src/components/charts";
import { choiceOf, EVERYTHING, topicOf } from "../src/components/dashboard_model";
import { csvOf } from "../src/components/dashboard_tables";

describe("topics of dashboards", () => {
  it.each([
    [EVERYTHING, "dashboard?"],
    [{ ...EVERYTHING, workflow: "a b&c" }, "dashboard?workflow=a+b%26c"],
    [
      { workflow: "w", notebook: "n.ipynb", status: "failed" as const, sinceSeconds: 60 },
      "dashboard?workflow=w&notebook=n.ipynb&status=failed&since=60",
    ],
  ])("%j is %s", (choice, topic) => {
    expect(topicOf(choice)).toBe(topic);
    expect(choiceOf(topic)).toEqual(choice);
  });

  it("keep the target", () =>
    expect(topicOf(EVERYTHING, "dashboard?workflow=x&target=0.9")).toBe("dashboard?target=0.9"));
});

describe("CSV", () => {
  it.each([
    ["plain", "plain"],
    ['say "hi", twice', '"say ""hi"", twice"'],
    ["=1+1", "'=1+1"],
    ["@cmd", "'@cmd"],
    ["-2", "'-2"],
    [-2, "-2"],
    [null, ""],
    ["a\nb", '"a\nb"'],
    ["\u202edlrow", "\\u202edlrow"],
  ])("%j is %s", (value, field) => {
    expect(csvOf({ name: "x", columns: ["c"], rows: [[value]] })).toBe(`c\r\n${field}\r\n`);
  });
});

describe("figures in words", () => {
  it.each([
    [0, "0 %"],
    [1, "100 %"],
    [0.9999, "99.9 %"],
    [0.0001, "0.1 %"],
    [0.973, "97.3 %"],
  ])("%s is %s", (share, words) => expect(percent(share)).toBe(words));

  it.each([
    [1, 1],
    [3, 5],
    [62, 100],
    [101, 200],
    [0, 1],
  ])("an axis up to %s ends at %s", (most, end) => expect(roundUp(most)).toBe(end));
});
