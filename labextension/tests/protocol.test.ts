import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Link, QUIET_MS, Refused, SILENT_MS } from "../src/components/protocol";
import { RunModel } from "../src/components/run_model";
import type { RunSnapshot } from "../src/schema";
import { bytes, PlayedHost, story } from "./channel";

const TOPIC = "run:review-1/r";
let host: PlayedHost;
let link: Link;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setInterval", "setTimeout", "clearInterval", "clearTimeout", "Date"] });
  host = new PlayedHost();
  link = new Link(host);
});
afterEach(() => {
  link.close();
  vi.useRealTimers();
});

describe("a run that is followed", () => {
  test("is built from what Python's feed told", () => {
    const model = new RunModel(TOPIC, link);
    for (const recorded of story) host.play(recorded);
    const { steps } = model;
    expect(steps.size).toBe(4);
    expect([0, 1, 2, 3].map(index => model.stepId(index))).toEqual([
      "score-1",
      "score-2",
      "odd id",
      "human_approval-1",
    ]);
    expect([0, 1, 2, 3].map(index => steps.statusOf(index))).toEqual([
      "completed",
      "completed",
      "scheduled",
      "approved",
    ]);
    expect(steps.kindOf(3)).toBe("approval");
    expect(new Date(steps.scheduled[0]!).toISOString()).toBe("2026-11-22T10:00:01.000Z");
    expect(steps.isOpen(2)).toBe(true);
    expect(steps.attempts.size).toBe(0);
    expect(model.approvals.map(({ approval }) => approval.by)).toEqual(["ada"]);
    expect(model.head?.arguments).toEqual(['"C-7"', '{"deep": [1, 2]}']);
    expect(model.indexOf("odd id")).toBe(2);
  });

  test("knows the attempts of a step that was tried again", () => {
    const model = new RunModel(TOPIC, link);
    host.play(story[0]!);
    const spans = model.steps.attempts.get(1)!;
    expect(spans.map(({ number, status }) => [number, status])).toEqual([
      [1, "failed"],
      [2, "running"],
    ]);
    expect(spans[1]!.finished).toBeNaN();
  });

  test("asks for a snapshot once when a message is missing, and uses nothing until it comes", () => {
    const model = new RunModel(TOPIC, link);
    host.play(story[0]!);
    host.play(story[2]!);
    host.play(story[2]!);
    expect(model.steps.size).toBe(2);
    expect(host.asked("follow").slice(1)).toEqual([{ type: "follow", topic: TOPIC, have: 0 }]);
  });

  test("takes a message that comes twice once", () => {
    const model = new RunModel(TOPIC, link);
    host.play(story[0]!);
    host.play(story[1]!);
    host.play(story[1]!);
    expect(model.names.map(each => each.name)).toEqual(["score", "human_approval"]);
    expect(host.asked("follow")).toHaveLength(1);
  });

  test("learns from a pulse that the last message was lost", () => {
    new RunModel(TOPIC, link);
    host.play(story[0]!);
    host.tell({ type: "pulse", topic: TOPIC, number: 0 });
    expect(host.asked("follow")).toHaveLength(1);
    host.tell({ type: "pulse", topic: TOPIC, number: 1 });
    expect(host.asked("follow")).toHaveLength(2);
  });

  test("starts over when buffers do not fit", () => {
    const model = new RunModel(TOPIC, link);
    host.play(story[0]!);
    host.tell(JSON.parse(story[1]!.text) as object, [new DataView(new ArrayBuffer(5))]);
    expect(host.asked("follow").at(-1)).toEqual({ type: "follow", topic: TOPIC, have: -1 });
    host.play(story[0]!);
    expect(model.steps.size).toBe(2);
  });

  test("asks again when it is quiet, and says when nobody answers", () => {
    const model = new RunModel(TOPIC, link);
    host.play(story[0]!);
    vi.advanceTimersByTime(2 * QUIET_MS);
    expect(host.asked("follow").length).toBeGreaterThan(1);
    expect(model.liveness).toBe("live");
    vi.advanceTimersByTime(SILENT_MS);
    expect(model.liveness).toBe("silent");
    host.tell({ type: "pulse", topic: TOPIC, number: 0 });
    expect(model.liveness).toBe("live");
  });

  test("gathers tokens by attempt and offset", () => {
    const model = new RunModel(TOPIC, link);
    host.play(story[0]!);
    const piece = (number: number, attempt: number, offset: number, text: string, done = false) =>
      host.tell({
        type: "tokens",
        topic: TOPIC,
        number,
        pieces: [{ step: "score-2", attempt, number, offset, text, done }],
      });
    piece(1, 1, 0, "Hello 😀");
    piece(2, 1, 3, "lo 😀 wor");
    const tokens = model.tokens.get("score-2")!;
    expect(tokens.text).toBe("Hello 😀 wor");
    expect(tokens.length).toBe(11);
    piece(3, 2, 0, "Again");
    expect(tokens.text).toBe("Again");
    expect(tokens.abandoned).toEqual([{ attempt: 1, length: 11, text: "Hello 😀 wor" }]);
    piece(4, 1, 11, "a late piece of the first attempt");
    expect(tokens.text).toBe("Again");
    piece(5, 2, 99, "the end of a long text", true);
    expect([tokens.begins, tokens.text, tokens.done]).toEqual([99, "the end of a long text", true]);
  });

  test("drops the texts of an execution with the execution", () => {
    const model = new RunModel(TOPIC, link);
    host.play(story[0]!);
    const pieces = [{ step: "score-2", attempt: 1, number: 1, offset: 0, text: "old", done: false }];
    host.tell({ type: "tokens", topic: TOPIC, number: 1, pieces });
    const snapshot = JSON.parse(story[0]!.text) as RunSnapshot;
    const run = { ...snapshot.head.run, run_id: "next" };
    host.tell({ ...snapshot, number: 2, head: { ...snapshot.head, run } }, bytes(story[0]!));
    expect(model.tokens.size).toBe(0);
  });
});

describe("a request", () => {
  test("gets the answer with its number, and no other", async () => {
    const asking = link.ask({ type: "cancel", topic: TOPIC });
    const { request } = host.asked("cancel")[0] as { request: number };
    host.tell({
      type: "answer",
      request: request + 1,
      error: "not for you",
      details: null,
      approval: null,
      topic: null,
    });
    host.tell({ type: "answer", request, error: null, details: null, approval: null, topic: "t" });
    expect((await asking).topic).toBe("t");
  });

  test("is refused with the host's reason", async () => {
    const asking = link.ask({ type: "cancel", topic: TOPIC });
    const { request } = host.asked("cancel")[0] as { request: number };
    host.tell({ type: "answer", request, error: "it has ended", details: null, approval: null, topic: null });
    await expect(asking).rejects.toThrow(new Refused("it has ended"));
  });

  test("is refused when nobody answers", async () => {
    const asking = expect(link.ask({ type: "cancel", topic: TOPIC })).rejects.toThrow(/does not answer/);
    vi.advanceTimersByTime(60_000);
    await asking;
  });

  test("is refused when the view closes", async () => {
    const asking = expect(link.ask({ type: "cancel", topic: TOPIC })).rejects.toThrow(/closed/);
    link.close();
    await asking;
  });
});
