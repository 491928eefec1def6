import { describe, expect, test } from "vitest";
import { budgetWords } from "../src/components/connection_card";
import { differences, lineDifferences } from "../src/components/differences";
import { MarkdownWriter, renderMarkdown } from "../src/components/markdown";
import { oneLine, printable, safeAddress } from "../src/components/untrusted";
import { coarse, duration } from "../src/components/words";

function shown(markdown: string): HTMLElement {
  const root = document.createElement("div");
  renderMarkdown(root, markdown);
  return root;
}

describe("Markdown", () => {
  test("becomes elements", () => {
    const root = shown("# Risk\n\nIt is **high**, see [the act](https://example.org/act) and `x`.\n\n- one\n- two\n");
    expect(root.querySelector("h3")?.textContent).toBe("Risk");
    expect(root.querySelector("strong")?.textContent).toBe("high");
    expect(root.querySelector("a")?.getAttribute("href")).toBe("https://example.org/act");
    expect(root.querySelectorAll("li")).toHaveLength(2);
  });

  test("is none where the text is data", () => {
    const root = document.createElement("div");
    const writer = new MarkdownWriter(root);
    for (const piece of ["\n", '{"action": "find', "_clauses", '", "of": "a_b"}']) writer.add(piece);
    writer.end();
    expect(root.querySelector("em")).toBeNull();
    expect(root.querySelector("pre")?.textContent).toBe('{"action": "find_clauses", "of": "a_b"}');
  });

  test.each([
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[click](javascript:alert(1))",
    "[click](JaVaScRiPt:alert(1))",
    "[click](java\nscript:alert(1))",
    "[click](data:text/html,<script>alert(1)</script>)",
    "[click](vbscript:msgbox)",
    "[click](//evil.example)",
    "![x](javascript:alert(1))",
    "![x](https://evil.example/pixel.png)",
    '[a](https://x" onmouseover="alert(1))',
    "<svg/onload=alert(1)>",
    "<iframe srcdoc='<script>alert(1)</script>'>",
    "```html\n<script>alert(1)</script>\n```",
    "| <b>a</b> |\n|---|\n| <img src=x onerror=alert(1)> |",
    "<a href=javascript:alert(1)>x</a>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    `${"> ".repeat(5_000)}deep`,
    `${"*_".repeat(5_000)}deep`,
    "[".repeat(5_000),
  ])("makes nothing that runs or loads of case %#", markdown => {
    const root = shown(markdown);
    expect(
      root.querySelectorAll("script, img, svg, iframe, object, embed, link, style, form, input, base"),
    ).toHaveLength(0);
    for (const element of root.querySelectorAll("*"))
      for (const { name, value } of element.attributes) {
        expect(name).toMatch(/^(href|title|target|rel|class|start|referrerpolicy)$/);
        if (name === "href") expect(value).toMatch(/^(https?|mailto):/);
      }
    let depth = 0;
    for (let node = root.querySelector(":scope *"); node; node = node.firstElementChild) depth++;
    expect(depth).toBeLessThan(40);
  });

  test("may come in any pieces", () => {
    const text = "Some **bold** and `code`\n\n- a\n- b\n\n```py\nprint('x')\n```\nend";
    const root = document.createElement("div");
    const writer = new MarkdownWriter(root);
    for (const character of text) writer.add(character);
    writer.end();
    const whole = shown(text);
    root.normalize();
    whole.normalize();
    expect(root.isEqualNode(whole)).toBe(true);
  });
});

describe("text from workflows", () => {
  test.each([
    ["a\u202eb", "a\\u202eb"],
    ["a\u0000b\u0007", "a\\x00b\\x07"],
    ["zero\u200bwidth", "zero\\u200bwidth"],
    ["lone \ud800", "lone \\ud800"],
    ["👩‍👩‍👧 می‌خواهم", "👩‍👩‍👧 می‌خواهم"],
    ["line\nbreak\tand tab", "line\nbreak\tand tab"],
    [`Z${"\u0301".repeat(50)}`, `Z${"\u0301".repeat(4)}`],
  ])("%j is shown as %j", (given, wanted) => expect(printable(given)).toBe(wanted));

  test("is bounded", () => {
    expect(printable("x".repeat(1e7), 100)).toHaveLength(100 + "… (+9,999,900 characters)".length);
    expect(oneLine("a\n\n b".repeat(1e6), 50).length).toBeLessThanOrEqual(50);
  });

  test.each([
    "javascript:alert(1)",
    "JAVASCRIPT:x",
    " javascript:x",
    "data:text/html,x",
    "file:///etc/passwd",
    "/relative",
    "blob:x",
  ])("%j is no address", address => expect(safeAddress(address)).toBeNull());
});

test.each([
  [40, "40 ms"],
  [3_210, "3.2 s"],
  [59_960, "1 min"],
  [250_000, "4 min 10 s"],
  [7_500_000, "2 h 5 min"],
  [277_200_000, "3 d 5 h"],
])("%d ms are %j", (ms, words) => expect(duration(ms)).toBe(words));

test("a coarse duration has one unit", () => expect(coarse(277_200_000)).toBe("3 d"));

describe("differences", () => {
  test("of values stand at their paths", () => {
    const found = differences({ a: 1, list: [1, 2], gone: true }, { a: 2, list: [1, 2, 3], "a/b": null });
    expect(found.map(({ path, kind }) => `${kind} ${path}`).sort()).toEqual([
      "added /a~1b",
      "added /list/2",
      "changed /a",
      "removed /gone",
    ]);
  });

  test("of texts keep the lines that stay", () => {
    const lines = lineDifferences("a\nb\nc\nd", "a\nx\nc\nd\ne");
    expect(lines.map(({ kind, text }) => `${kind[0]}${text}`)).toEqual(["sa", "rb", "ax", "sc", "sd", "ae"]);
  });

  test("of very long texts end in time", () => {
    const [one, other] = ["a", "b"].map(letter =>
      Array.from({ length: 20_000 }, (_, at) => `${letter}${at}`).join("\n"),
    );
    expect(lineDifferences(one!, other!)).toHaveLength(40_000);
  });
});

describe("The budget of a workspace", () => {
  test("says what is used of what, and when it is all", () => {
    const words = (used: { tokens: number; cost: number } | null, cost: number | null = null) =>
      budgetWords({ period: "day", tokens: 5_000, cost, used });
    expect(words(null)).toBe("5,000 tokens");
    expect(words({ tokens: 1_204, cost: 0 })).toBe("1,204 of 5,000 tokens");
    expect(words({ tokens: 10, cost: 0.31254 }, 20)).toBe("10 of 5,000 tokens, 0.3125 of 20 in money");
    expect(words({ tokens: 10, cost: 20 }, 20)).toContain("spent, no model is asked");
    expect(words({ tokens: 5_000, cost: 0 })).toContain("spent, no model is asked");
  });
});
