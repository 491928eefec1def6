import { expect, test } from "vitest";
import type { Approval, InboxState, Run, RunsState } from "../src/schema";
import { absoluteOf, definedBy, pathsOf } from "../src/lab/places";
import { ApprovalNews, FailureNews } from "../src/lab/news";
import { sameServer, WORKFLOW_MIME } from "../src/lab/topics";
import { freeName } from "../src/lab/free_name";

function inbox(...waiting: Partial<Approval>[]): InboxState {
  const approvals = waiting.map(each => ({
    approval: {
      id: "a-1",
      workflow_id: "w",
      run_id: "r",
      message: "## Pay?",
      assignee: null,
      assignees: null,
      starter: null,
      version: 1,
      votes: [],
      questions: [],
      reminded_at: [],
      workflow: "pay",
      ...each,
    },
    whole: true,
  }));
  return { type: "inbox", topic: "inbox", number: 1, reviewer: "Ada", approvals } as unknown as InboxState;
}

function runs(...found: Partial<Run>[]): RunsState {
  const all = found.map(each => ({ id: "w", run_id: "r", workflow: "pay", status: "running", ...each }));
  return { type: "runs", topic: "runs", number: 1, runs: all } as unknown as RunsState;
}

test("an approval is told once, when it is new and for the reader", () => {
  const news = new ApprovalNews();
  expect(news.look(inbox({ id: "old" }))).toEqual([]);
  const now = inbox({ id: "old" }, { id: "new" }, { id: "mine", assignee: "ada" }, { id: "other", assignee: "Bob" });
  expect(news.look(now).map(each => each.message)).toEqual(["pay waits: Pay?", "pay waits: Pay?"]);
  expect(news.look(now)).toEqual([]);
  // A list that was cut for a moment brings nothing back.
  expect(news.look(inbox())).toEqual([]);
  expect(news.look(now)).toEqual([]);
});

test("a reminder, a hand-over and a question to the author are news for whom they are for", () => {
  const news = new ApprovalNews();
  const told = (each: Partial<Approval>) => news.look(inbox(each)).map(each => each.message);
  expect(told({ assignee: "Bob", starter: "ada" })).toEqual([]);
  const at = "2026-11-22T10:00:00Z";
  const question = { number: 1, by: "Bob", at, text: "Why?", version: 1 };
  const open = { ...question, answer: null, answered_by: null, answered_at: null };
  expect(told({ assignee: "Bob", starter: "ada", questions: [open] })).toEqual(["pay is asked about: Why?"]);
  const handed = { assignees: ["ADA"], reminded_at: [] as string[] };
  expect(told(handed)).toEqual(["pay waits: Pay?"]);
  expect(told(handed)).toEqual([]);
  expect(told({ ...handed, reminded_at: [at] })).toEqual(["pay still waits: Pay?"]);
});

test("a failure is told once, and only where the run failed while the page looked", () => {
  const news = new FailureNews();
  expect(news.look(runs({ run_id: "1", status: "failed" }, { run_id: "2" }))).toEqual([]);
  const now = runs(
    { run_id: "1", status: "failed" },
    { run_id: "2", status: "timed_out" },
    { run_id: "3", status: "failed" },
  );
  expect(news.look(now).map(each => each.message)).toEqual(["pay timed out (w)", "pay failed (w)"]);
  expect(news.look(now)).toEqual([]);
  expect(news.look(runs({ run_id: "4", status: "completed" }, { run_id: "5", status: "cancelled" }))).toEqual([]);
});

test("a notebook's path is found below the server's root, else by its end", () => {
  expect(pathsOf("/data/work/a/b.ipynb", "/data/work")).toEqual(["a/b.ipynb"]);
  expect(pathsOf("/data/work/b.ipynb", "~/work")).toEqual(["data/work/b.ipynb", "work/b.ipynb", "b.ipynb"]);
  const { runs: known } = runs({ notebook: "/users/ada/work/a/b.ipynb" });
  expect(absoluteOf("a/b.ipynb", "/data/work/", known)).toBe("/data/work/a/b.ipynb");
  expect(absoluteOf("a/b.ipynb", "~/work", known)).toBe("/users/ada/work/a/b.ipynb");
  expect(absoluteOf("c.ipynb", "~/work", known)).toBeNull();
});

test.each([
  ["%%workflow\nasync def pay(x): ...", [], [{ name: "pay", digest: null }]],
  ["@workflow(retry=1)\nasync def pay(x): ...", [], [{ name: "pay", digest: null }]],
  ["async def step(x): ...", [], []],
  ["%%workflow", [{ [WORKFLOW_MIME]: { name: "pay", digest: "d" } }], [{ name: "pay", digest: "d" }]],
  ["1", [{ [WORKFLOW_MIME]: { name: 1 } }, { [WORKFLOW_MIME]: null }, {}], []],
])("the workflows of %j", (source, outputs, expected) => {
  expect(definedBy(source, outputs)).toEqual(expected);
});

test("the tour takes a name that is free", () => {
  expect(freeName(new Set())).toBe("workflow-tour.ipynb");
  expect(freeName(new Set(["workflow-tour.ipynb", "workflow-tour-2.ipynb"]))).toBe("workflow-tour-3.ipynb");
});

test("the embedded server is the same one on another port", () => {
  expect(sameServer("127.0.0.1:1", "localhost:2")).toBe(true);
  expect(sameServer("127.0.0.1:1", "temporal.example.com:7233")).toBe(false);
  expect(sameServer("a.example.com:1", "a.example.com:1")).toBe(true);
});
