// The page's one connection to the Jupyter server: a WebSocket over which all topics travel.

import type { Channel } from "../components/protocol";
import { unframed } from "./frames";

/** What of a WebSocket is used. */
export type Socket = Pick<WebSocket, "send" | "close" | "readyState"> & {
  binaryType: BinaryType;
  onopen: ((event: Event) => void) | null;
  onclose: ((event: CloseEvent) => void) | null;
  onmessage: ((event: MessageEvent) => void) | null;
};

/** `connecting` for the first time, `open`, `lost` (it was open and is tried again), `absent` (never answered). */
export type StreamState = "connecting" | "open" | "lost" | "absent";

const OPEN = 1;
export const FIRST_RETRY_MS = 250;
export const LAST_RETRY_MS = 15_000;
/** Tries after which a server that never answered is called absent. */
const TRIES = 3;
/** A socket that was asked and told nothing for so long is dead, whatever it says. */
export const DEAD_MS = 20_000;

type Handler = (text: string, buffers: readonly DataView[]) => void;

/** The wait before a try, in milliseconds: doubled each time, spread so that many pages do not come at once. */
export function retryDelay(tries: number, chance: number): number {
  return Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** tries) * (0.75 + chance / 2);
}

/** A channel that comes back by itself; what is followed must then be asked for anew. */
export class Stream implements Channel {
  state: StreamState = "connecting";
  private socket: Socket | null = null;
  private tries = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private waitingSince = 0;
  private closed = false;
  private readonly handlers = new Set<Handler>();
  private readonly watchers = new Set<(state: StreamState) => void>();

  constructor(private readonly connect: () => Socket) {
    this.open();
  }

  /** Calls `watcher` with each new state; gives what ends it. */
  watch(watcher: (state: StreamState) => void): () => void {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  }

  listen(handler: Handler): () => void {
    this.handlers.add(handler);
    return () => this.handlers.delete(handler);
  }

  send(text: string): boolean {
    if (this.socket?.readyState !== OPEN) return false;
    const now = Date.now();
    if (this.waitingSince && now - this.waitingSince > DEAD_MS) {
      this.drop();
      return false;
    }
    this.waitingSince ||= now;
    this.socket.send(text);
    return true;
  }

  /** Tries at once, where a wait for the next try is under way. */
  retry(): void {
    if (this.timer === undefined) return;
    clearTimeout(this.timer);
    this.open();
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
    this.detach()?.close();
  }

  private open(): void {
    this.timer = undefined;
    const socket = this.connect();
    this.socket = socket;
    socket.binaryType = "arraybuffer";
    socket.onopen = () => {
      this.tries = 0;
      this.waitingSince = 0;
      this.become("open");
    };
    socket.onmessage = event => this.receive(event.data);
    socket.onclose = () => this.drop();
  }

  private receive(data: unknown): void {
    this.waitingSince = 0;
    const { text, buffers } = data instanceof ArrayBuffer ? unframed(data) : { text: String(data), buffers: [] };
    for (const handler of this.handlers) handler(text, buffers);
  }

  private drop(): void {
    this.detach()?.close();
    if (this.closed || this.timer !== undefined) return;
    const never = this.state === "connecting" || this.state === "absent";
    this.timer = setTimeout(() => this.open(), retryDelay(this.tries, Math.random()));
    this.tries++;
    if (!never) this.become("lost");
    else if (this.tries >= TRIES) this.become("absent");
  }

  private detach(): Socket | null {
    const { socket } = this;
    this.socket = null;
    if (socket) socket.onopen = socket.onclose = socket.onmessage = null;
    return socket;
  }

  private become(state: StreamState): void {
    if (state === this.state && state !== "open") return;
    this.state = state;
    for (const watcher of this.watchers) watcher(state);
  }
}
