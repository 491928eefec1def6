import { render } from "preact";
import { act } from "preact/test-utils";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { OnAct } from "../src/components/discussion";
import { ApprovalCard } from "../src/components/approval_card";
import { waitsFor } from "../src/components/reviews";
import type { Said } from "../src/components/decider";
import { fieldsOf, initialValues, parsed, problems } from "../src/components/json_schema";
import type { Approval } from "../src/schema";

const SCHEMA = {
  type: "object",
  $defs: { Level: { enum: ["low", "high"], type: "string" } },
  required: ["accept", "cap", "level"],
  properties: {
    accept: { type: "boolean", title: "Accept the risk" },
    cap: { type: "integer", minimum: 1, maximum: 10 },
    level: { $ref: "#/$defs/Level" },
    note: { anyOf: [{ type: "string" }, { type: "null" }], default: null },
    tags: { type: "array", items: { type: "string" } },
    who: { type: "object", properties: { name: { type: "string" } } },
    any: {},
  },
};

test("a form has the fields of its schema", () => {
  const fields = fieldsOf(SCHEMA);
  expect(fields.map(field => `${field.name} ${field.kind}${field.required ? "!" : ""}`)).toEqual([
    "accept boolean!",
    "cap integer!",
    "level choice!",
    "note text",
    "tags list",
    "who group",
    "any json",
  ]);
  expect(initialValues(fields)).toEqual({ accept: false, note: null, who: {} });
});

test.each([
  [{ accept: true, cap: 5, level: "low" }, []],
  [{ accept: true, cap: 50, level: "low" }, ["cap is at most 10"]],
  [{}, ["accept is needed", "cap is needed", "level is needed"]],
])("%j has these problems", (values, wanted) => {
  const found = problems(fieldsOf(SCHEMA), values);
  expect([...found].map(([path, words]) => `${path} ${words}`)).toEqual(wanted);
});

test("what is typed becomes a value of the field's type", () => {
  const [, cap, , , tags, , any] = fieldsOf(SCHEMA);
  expect(parsed(cap!, "7")).toBe(7);
  expect(parsed(cap!, "7.5")).toMatchObject({ text: "7.5" });
  expect(parsed(tags!, "a\nb\n")).toEqual(["a", "b"]);
  expect(parsed(any!, '{"x": 1}')).toEqual({ x: 1 });
  expect(parsed(any!, "{")).toMatchObject({ text: "{" });
});

test("a schema that refers to itself or to nothing ends", () => {
  const itself = { $defs: { A: { type: "object", properties: { a: { $ref: "#/$defs/A" } } } }, $ref: "#/$defs/A" };
  expect(fieldsOf({ properties: { a: { $ref: "#/$defs/A" } } }, itself)[0]!.kind).toBe("group");
  expect(fieldsOf({ properties: { a: { $ref: "#/nowhere/at/all" }, __proto__: { type: "string" } } })[0]!.kind).toBe(
    "json",
  );
});

const approval: Approval = {
  id: "human_approval-1",
  message: "Pay **10 EUR** to <img src=x onerror=alert(1)>?",
  assignee: "legal@company.com",
  opened_at: "2026-11-22T10:00:00Z",
  due_at: "2026-11-25T10:00:00Z",
  on_timeout: "reject",
  quorum: 1,
  rejections: 1,
  four_eyes: false,
  starter: null,
  escalations: [],
  version: 1,
  assignees: null,
  objection: null,
  votes: [],
  delegations: [],
  questions: [],
  reminded_at: [],
  form_schema: { type: "object", required: ["cap"], properties: { cap: { type: "integer", maximum: 10 } } },
  editable: { amount: 10 },
  has_editable: true,
  content_hash: "h",
  status: "open",
  by: null,
  comment: null,
  decided_at: null,
  form: null,
  value: null,
  edits: [],
  workflow_id: "w",
  run_id: "r",
  workflow: "pay",
  location: null,
};
let root: HTMLElement;

beforeEach(() => document.body.append((root = document.createElement("div"))));
afterEach(() => {
  render(null, root);
  root.remove();
});

const find = <E extends Element>(selector: string) => root.querySelector<E>(selector)!;

async function type(selector: string, text: string) {
  await act(() => {
    const input = find<HTMLInputElement>(selector);
    input.value = text;
    input.dispatchEvent(new InputEvent("input", { bubbles: true }));
  });
}

const click = (selector: string) => act(() => find<HTMLElement>(selector).click());

function show(changes: Partial<Approval>, onDecide?: (approval: Approval, said: Said) => Promise<unknown>) {
  const shown = { approval: { ...approval, ...changes }, whole: true };
  return act(() =>
    render(<ApprovalCard shown={shown} now={Date.now} onDecide={onDecide} viewer={{ reviewer: "ada" }} />, root),
  );
}

test("an approval is given with form, edits, comment and name", async () => {
  const decide = vi.fn(() => Promise.resolve());
  await show({}, decide);
  await click(".jwl-approve");
  expect(decide).not.toHaveBeenCalled();
  expect(root.textContent).toContain("cap is needed");
  await type("input", "7");
  await type("textarea.jwl-mono", '{"amount": 5}');
  expect(find(".jwl-diff").textContent).toContain("/amount 10 → 5");
  const [, comment, as] = root.querySelectorAll("textarea");
  comment!.id = "the-comment";
  as!.id = "the-name";
  await type("#the-comment", " fine ");
  await type("#the-name", "legal@company.com");
  await click(".jwl-approve");
  expect(decide).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ content_hash: "h" }), {
    verdict: "approve",
    reviewer: "legal@company.com",
    comment: "fine",
    form: { cap: 7 },
    value: { amount: 5 },
    edited: true,
  });
});

test("a number on its way stays as it was typed", async () => {
  await show({ form_schema: { properties: { rate: { type: "number" } } } }, () => Promise.resolve());
  await type("input", "7.");
  expect(find<HTMLInputElement>("input").value).toBe("7.");
});

test("a rejection needs no form", async () => {
  const decide = vi.fn(() => Promise.resolve());
  await show({}, decide);
  await click(".jwl-reject");
  expect(decide).toHaveBeenCalledExactlyOnceWith(
    expect.anything(),
    expect.objectContaining({ verdict: "reject", form: null }),
  );
});

test("a refusal is announced, and what was typed stays", async () => {
  await show({ form_schema: null }, () => Promise.reject(new Error("ada decided it at 10:01")));
  await type("textarea.jwl-mono", '{"amount": 1}');
  await click(".jwl-approve");
  await act(() => Promise.resolve());
  expect(find("[role=alert]").textContent).toBe("ada decided it at 10:01");
  expect(find<HTMLTextAreaElement>("textarea.jwl-mono").value).toBe('{"amount": 1}');
});

test("a newer version of the same question keeps what was typed, another question does not", async () => {
  const decide = () => Promise.resolve();
  await show({}, decide);
  await type("input", "7");
  await show({ due_at: null }, decide);
  expect(find<HTMLInputElement>("input").value).toBe("7");
  await show({ content_hash: "other" }, decide);
  expect(find<HTMLInputElement>("input").value).toBe("");
});

test("an edited value that is no JSON keeps one from approving", async () => {
  const decide = vi.fn(() => Promise.resolve());
  await show({ form_schema: null }, decide);
  await type("textarea.jwl-mono", "{");
  await click(".jwl-approve");
  expect(decide).not.toHaveBeenCalled();
  expect(root.textContent).toContain("The value is no JSON");
});

test("a decided approval says who, what and which edits", async () => {
  await show({
    status: "approved",
    by: "ada",
    decided_at: "2026-11-22T10:05:00Z",
    comment: "<b>ok</b>",
    form: { cap: 3 },
    edits: [{ path: "/amount", before: 10, after: 5 }],
  });
  expect(root.textContent).toContain("approved by ada");
  expect(root.textContent).toContain("<b>ok</b>");
  expect(root.textContent).toContain("/amount 10 → 5");
  expect(root.querySelector("button, img, b > b")).toBeNull();
});

const at = "2026-11-22T10:00:00Z";
const HOSTILE = "<img src=x onerror=alert(1)>";
const discussed: Partial<Approval> = {
  assignee: null,
  assignees: ["ada", "bob", HOSTILE],
  quorum: 2,
  version: 2,
  four_eyes: true,
  starter: "sam",
  form_schema: null,
  has_editable: false,
  votes: [
    { by: "eve", verdict: "approve", at, comment: null, form: null, version: 1, edits: [] },
    { by: "bob", verdict: "approve", at, comment: HOSTILE, form: null, version: 2, edits: [] },
  ],
  delegations: [{ by: "cyd", to: HOSTILE, at, comment: "on leave" }],
  questions: [
    { number: 1, by: "bob", at, text: HOSTILE, version: 1, answer: null, answered_by: null, answered_at: null },
  ],
  reminded_at: [at],
};

function discuss(reviewer: string, onAct = vi.fn<OnAct>(() => Promise.resolve())) {
  const shown = { approval: { ...approval, ...discussed }, whole: true };
  const decide = () => Promise.resolve();
  return act(() =>
    render(<ApprovalCard shown={shown} now={Date.now} onDecide={decide} onAct={onAct} viewer={{ reviewer }} />, root),
  ).then(() => onAct);
}

test("a card says who has voted, who is missing and what was said, as text", async () => {
  await discuss("ada");
  expect(root.textContent).toContain(`for ada or ${HOSTILE}`);
  expect(root.textContent).toContain("1 of 2 approved");
  expect(root.textContent).toContain("eve approved version 1, lapsed");
  expect(root.textContent).toContain("four eyes: sam started it and may not approve");
  expect(root.textContent).toContain(`cyd handed it over to ${HOSTILE}: “on leave”`);
  expect(find("[aria-label='Questions to the author']").textContent).toContain("waits for an answer");
  expect(root.querySelector("img")).toBeNull();
});

test("a reviewer asks and hands over, the author answers", async () => {
  const sent = await discuss("ada");
  const [ask, handOver] = root.querySelectorAll<HTMLElement>(".jwl-more .jwl-field");
  ask!.querySelector("textarea")!.id = "ask";
  handOver!.querySelector("textarea")!.id = "to";
  await act(() => ask!.querySelector("button")!.click());
  expect(sent).not.toHaveBeenCalled();
  await type("#ask", " Why? ");
  await act(() => ask!.querySelector("button")!.click());
  await type("#to", "dan");
  await act(() => handOver!.querySelector("button")!.click());
  expect(sent.mock.calls.map(([, said]) => said)).toEqual([
    { type: "question", text: "Why?" },
    { type: "delegation", to: "dan", comment: null },
  ]);
  const answered = await discuss("SAM");
  find<HTMLElement>(".jwl-thread textarea").id = "answer";
  await type("#answer", "So.");
  await click(".jwl-thread button");
  expect(answered.mock.calls.map(([, said]) => said)).toEqual([{ type: "answer", question: 1, text: "So." }]);
});

test("a card has no button for what its viewer may not do", async () => {
  const shown = { approval: { ...approval, ...discussed, starter: "ada" }, whole: true };
  const nothing = () => Promise.resolve();
  const look = (may: string[] | null) =>
    act(() =>
      render(
        <ApprovalCard
          shown={shown}
          now={Date.now}
          onDecide={nothing}
          onAct={nothing}
          viewer={{ reviewer: "ada", may }}
        />,
        root,
      ),
    );
  const buttons = () => [...root.querySelectorAll("button")].map(button => button.textContent);
  await look(["read runs"]);
  expect(buttons()).toEqual([]);
  await look(["write questions"]);
  expect(buttons()).toEqual(["Send answer"]);
  await look(["write approvals"]);
  expect(buttons()).toContain("Approve");
  expect(buttons()).not.toContain("Send answer");
  await look(null);
  expect(buttons()).toContain("Send answer");
});

test("an approval of a group waits for everybody in it", () => {
  const asked = { ...approval, assignee: "group:Risk", assignees: null, votes: [], questions: [] };
  expect(waitsFor(asked, { reviewer: "ada" })).toBe(false);
  expect(waitsFor(asked, { reviewer: "ada", groups: ["staff", "risk"] })).toBe(true);
});

test("an approval waits for nobody who may not decide it", () => {
  const asked = { ...approval, assignee: null, assignees: null, votes: [], questions: [] };
  expect(waitsFor(asked, { reviewer: "ada", may: ["read approvals"] })).toBe(false);
  expect(waitsFor(asked, { reviewer: "ada", may: ["write approvals"] })).toBe(true);
});
