import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Link, Refused } from "../src/components/protocol";
import { unframed } from "../src/lab/frames";
import { runsTopic, topicOf } from "../src/lab/topics";
import { Shared } from "../src/lab/shared";
import { DEAD_MS, LAST_RETRY_MS, retryDelay, type Socket, Stream } from "../src/lab/stream";

/** A frame as `jupyter_workflows/server` writes it. */
function framed(text: string, buffers: number[][] = []): ArrayBuffer {
  const parts = [new TextEncoder().encode(text), ...buffers.map(each => Uint8Array.from(each))];
  const offsets: number[] = [];
  let end = 4 * (1 + parts.length);
  for (const part of parts) {
    end = Math.ceil(end / 8) * 8;
    offsets.push(end);
    end += part.length;
  }
  const frame = new ArrayBuffer(Math.ceil(end / 8) * 8);
  const view = new DataView(frame);
  view.setUint32(0, parts.length, true);
  parts.forEach((part, at) => {
    view.setUint32(4 * (at + 1), part.length, true);
    new Uint8Array(frame).set(part, offsets[at]);
  });
  return frame;
}

/** A socket whose other end the test plays. */
class PlayedSocket implements Socket {
  static opened: PlayedSocket[] = [];
  readyState: 0 | 1 | 2 | 3 = 0;
  binaryType: BinaryType = "blob";
  onopen: Socket["onopen"] = null;
  onclose: Socket["onclose"] = null;
  onmessage: Socket["onmessage"] = null;
  sent: string[] = [];

  constructor() {
    PlayedSocket.opened.push(this);
  }
  static get last(): PlayedSocket {
    return this.opened.at(-1)!;
  }
  send(data: unknown): void {
    this.sent.push(String(data));
  }
  close(): void {
    this.readyState = 3;
  }
  accept(): void {
    this.readyState = 1;
    this.onopen?.(new Event("open"));
  }
  fail(): void {
    this.readyState = 3;
    this.onclose?.(new Event("close") as CloseEvent);
  }
  tell(data: unknown): void {
    this.onmessage?.({ data } as MessageEvent);
  }
}

beforeEach(() => {
  PlayedSocket.opened = [];
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe("frames", () => {
  test("give the text and buffers that begin at multiples of 8 bytes", () => {
    const { text, buffers } = unframed(framed('{"ä":1}', [[1, 2, 3], [], [4]]));
    expect(text).toBe('{"ä":1}');
    expect(buffers.map(each => [...new Uint8Array(each.buffer, each.byteOffset, each.byteLength)])).toEqual([
      [1, 2, 3],
      [],
      [4],
    ]);
    expect(buffers.every(each => each.byteOffset % 8 === 0)).toBe(true);
  });

  test.each([
    ["nothing", new ArrayBuffer(0)],
    ["no parts", new ArrayBuffer(8)],
    ["a part beyond the end", framed("x").slice(0, 8)],
    ["more parts than bytes", Uint8Array.from([255, 255, 255, 255, 1, 0, 0, 0]).buffer],
  ])("refuse %s", (_, frame) => {
    expect(() => unframed(frame)).toThrow(RangeError);
  });
});

describe("stream", () => {
  test("comes back after a break, asks anew for what is followed and fails what was asked", async () => {
    const stream = new Stream(() => new PlayedSocket());
    const link = new Link(stream, "The Jupyter server");
    stream.watch(state => (state === "open" ? link.renew() : link.lost()));
    const heard: unknown[] = [];
    link.follow("inbox", message => heard.push(message));
    expect(PlayedSocket.last.sent).toEqual([]);
    await expect(link.ask({ type: "cancel", topic: "run:a/b" })).rejects.toThrow(/Nothing was sent/);

    PlayedSocket.last.accept();
    const follow = JSON.stringify({ type: "follow", topic: "inbox", have: -1 });
    expect(PlayedSocket.last.sent).toEqual([follow]);
    PlayedSocket.last.tell(JSON.stringify({ type: "inbox", topic: "inbox", number: 7, approvals: [], reviewer: "me" }));
    expect(heard).toHaveLength(1);

    const asking = expect(link.ask({ type: "cancel", topic: "run:a/b" })).rejects.toThrow(Refused);
    PlayedSocket.last.fail();
    await asking;
    expect(stream.state).toBe("lost");
    await vi.advanceTimersByTimeAsync(1_000);
    expect(PlayedSocket.opened).toHaveLength(2);
    PlayedSocket.last.accept();
    // The server may be a new one that counts from the beginning.
    expect(PlayedSocket.last.sent).toEqual([follow]);
    link.close();
    stream.close();
  });

  test("hands on binary frames with their buffers", () => {
    const stream = new Stream(() => new PlayedSocket());
    const heard: [string, number][] = [];
    stream.listen((text, buffers) => heard.push([text, buffers.length]));
    PlayedSocket.last.accept();
    expect(PlayedSocket.last.binaryType).toBe("arraybuffer");
    PlayedSocket.last.tell(framed("{}", [[1], [2]]));
    expect(heard).toEqual([["{}", 2]]);
  });

  test("calls a server that never answers absent, and goes on trying", async () => {
    const stream = new Stream(() => new PlayedSocket());
    const states: string[] = [];
    stream.watch(state => states.push(state));
    for (let tries = 0; tries < 8; tries++) {
      PlayedSocket.last.fail();
      await vi.advanceTimersByTimeAsync(2 * LAST_RETRY_MS);
    }
    expect(states).toEqual(["absent"]);
    expect(PlayedSocket.opened).toHaveLength(9);
    PlayedSocket.last.accept();
    expect(states).toEqual(["absent", "open"]);
  });

  test("drops a socket that was asked and says nothing", async () => {
    const stream = new Stream(() => new PlayedSocket());
    PlayedSocket.last.accept();
    expect(stream.send("a")).toBe(true);
    await vi.advanceTimersByTimeAsync(DEAD_MS + 1);
    expect(stream.send("b")).toBe(false);
    expect(stream.state).toBe("lost");
    expect(PlayedSocket.last.readyState).toBe(3);
    stream.retry();
    expect(PlayedSocket.opened).toHaveLength(2);
  });

  test("waits longer from try to try, and never longer than a quarter of a minute and its spread", () => {
    const waits = [0, 1, 2, 3, 20].map(tries => retryDelay(tries, 0.5));
    expect(waits).toEqual([250, 500, 1_000, 2_000, 15_000]);
    expect(retryDelay(20, 1)).toBe(LAST_RETRY_MS * 1.25);
  });
});

describe("outputs", () => {
  test.each([
    ["run", { id: "a/b", run_id: "c" }, "run:a/b/c"],
    ["run", { id: "a" }, null],
    ["run", { id: 1, run_id: "c" }, null],
    ["run", "text", null],
    ["run", null, null],
    ["run", { id: "x".repeat(1001), run_id: "c" }, null],
    ["workflow", { digest: "d", name: "n" }, "workflow:d/n"],
    ["inbox", {}, "inbox"],
    ["runs", {}, "runs"],
    ["runs", { query: "status=failed" }, "runs?status=failed"],
  ])("%s %j show %s", (kind, data, topic) => {
    expect(topicOf(`application/vnd.jupyter-workflows.${kind}+json`, data)).toBe(topic);
  });

  test("a list's filters become a query", () => {
    expect(runsTopic({})).toBe("runs");
    expect(runsTopic({ notebook: "/a b/ü.ipynb", workflow: "" })).toBe("runs?notebook=%2Fa+b%2F%C3%BC.ipynb");
  });
});

test("a shared model is followed once, and closed a moment after its last view", async () => {
  const closed: string[] = [];
  const shared = new Shared(topic => ({ topic, close: () => closed.push(topic) }));
  const first = shared.take("a");
  expect(shared.take("a")).toBe(first);
  shared.give("a");
  shared.give("a");
  expect(shared.take("a")).toBe(first);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(closed).toEqual([]);
  shared.give("a");
  await vi.advanceTimersByTimeAsync(10_000);
  expect(closed).toEqual(["a"]);
  expect(shared.take("a")).not.toBe(first);
});
