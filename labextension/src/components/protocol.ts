// What a view and its host say to each other, over any transport that carries JSON text and binary buffers.
// The messages' types are generated from `jupyter_workflows/live/messages.py`.

import type {
  Answer,
  AskAct,
  AskCancel,
  AskCompare,
  AskDecision,
  AskDetails,
  AskFork,
  AskForks,
  AskOpen,
  AskResume,
  AskRollBack,
  AskStart,
  ConnectionState,
  DashboardState,
  Follow,
  InboxState,
  Pulse,
  RunChange,
  RunSnapshot,
  RunsState,
  Tokens,
  Trouble,
  WorkflowState,
} from "../schema";

export type Told =
  | RunSnapshot
  | RunChange
  | Tokens
  | Pulse
  | InboxState
  | RunsState
  | WorkflowState
  | DashboardState
  | ConnectionState
  | Trouble
  | Answer;
export type Topical = Exclude<Told, Answer>;
/** A message of one type. */
export type ToldOf<Type extends Told["type"]> = Extract<Told, { type: Type }>;
type Ask =
  | AskDetails
  | AskDecision
  | AskAct
  | AskCancel
  | AskRollBack
  | AskResume
  | AskFork
  | AskForks
  | AskCompare
  | AskStart
  | AskOpen;
/** A request without the number that it gets when it is sent. */
export type Request = Ask extends infer A ? (A extends Ask ? Omit<A, "request"> : never) : never;

/** A transport to a host: anywidget's comm, or a stream and requests of a Jupyter server. */
export interface Channel {
  /** Sends a message; false where it certainly did not go out. */
  send(text: string): boolean;
  /** Calls `handler` for each message; gives what ends it. */
  listen(handler: (text: string, buffers: readonly DataView[]) => void): () => void;
}

export class Refused extends Error {}

export const QUIET_MS = 5_000;
export const SILENT_MS = 12_000;
// A host forgets a view that has not asked for half a minute, also one that it tells much.
export const RENEW_MS = 10_000;
export const ANSWER_MS = 45_000;
const UNKNOWN = "Whether the request was carried out is not known: look again.";

type Listener = (message: Topical, buffers: readonly DataView[]) => void;

/** Whether the host answers: `live`, `silent` (it does not, for now), `closed` (nothing more will come). */
export type Liveness = "live" | "silent" | "closed";

/**
 * One topic followed: hands on each numbered message once and in order, and asks for a snapshot where one is missing.
 */
export class Following {
  private have = -1;
  private asked = false;
  private heard = Date.now();
  private askedAt = 0;
  private timer: ReturnType<typeof setInterval> | undefined;
  liveness: Liveness = "live";

  constructor(
    readonly topic: string,
    private readonly link: Link,
    private readonly listener: Listener,
    private readonly onLiveness: (liveness: Liveness) => void = () => undefined,
  ) {
    this.ask();
    this.timer = setInterval(() => this.look(), QUIET_MS / 2);
  }

  /** Takes in a message of this topic. */
  take(message: Topical, buffers: readonly DataView[]): void {
    this.heard = Date.now();
    this.live("live");
    if (message.type === "pulse") {
      this.asked = false;
      if (message.number > this.have) this.ask();
      return;
    }
    if (message.type === "change" || message.type === "tokens") {
      if (message.number <= this.have) return;
      if (message.number > this.have + 1) return this.ask();
    } else {
      this.asked = false;
      if (message.type === "snapshot" && message.number < this.have) return;
    }
    this.have = message.number;
    this.listener(message, buffers);
    if (message.type === "trouble" && message.final) this.close();
  }

  /** Asks for what is missing; once until it comes. */
  ask(): void {
    if (this.asked) return;
    this.asked = true;
    this.askedAt = Date.now();
    this.link.post({ type: "follow", topic: this.topic, have: this.have });
  }

  /** Starts over: the listener could not use what it was given. */
  resync(): void {
    this.have = -1;
    this.ask();
  }

  /** Asks a host anew that may know nothing of this view, and may count from the beginning. */
  renew(): void {
    if (this.liveness === "closed") return;
    this.asked = false;
    this.resync();
  }

  private look(): void {
    const quiet = Date.now() - this.heard;
    if (quiet < QUIET_MS && Date.now() - this.askedAt < RENEW_MS) return;
    if (quiet > SILENT_MS) this.live("silent");
    this.asked = false;
    if (typeof document === "undefined" || !document.hidden) this.ask();
  }

  private live(liveness: Liveness): void {
    if (this.liveness === liveness || this.liveness === "closed") return;
    this.liveness = liveness;
    this.onLiveness(liveness);
  }

  /** Nothing more is expected; what comes all the same is still handed on. */
  close(): void {
    clearInterval(this.timer);
    this.timer = undefined;
    this.live("closed");
  }
}

interface Waiting {
  resolve: (answer: Answer) => void;
  reject: (error: Error) => void;
  timer: ReturnType<typeof setTimeout>;
}

/** One channel shared by all that is shown: topics to follow, and requests with their answers. */
export class Link {
  private readonly followed = new Map<string, Set<Following>>();
  private readonly waiting = new Map<number, Waiting>();
  // Several pages may share a host's channel, and an answer reaches all of them.
  private request = Math.floor(Math.random() * 2 ** 40) * 1024;
  private readonly stop: () => void;

  /**
   * @param channel the transport
   * @param host what answers at its other end, as a sentence begins with it
   */
  constructor(
    private readonly channel: Channel,
    readonly host = "The kernel",
  ) {
    this.stop = channel.listen((text, buffers) => this.receive(text, buffers));
  }

  follow(topic: string, listener: Listener, onLiveness?: (liveness: Liveness) => void): Following {
    const following = new Following(topic, this, listener, onLiveness);
    const others = this.followed.get(topic) ?? new Set();
    this.followed.set(topic, others.add(following));
    return following;
  }

  unfollow(following: Following): void {
    following.close();
    const others = this.followed.get(following.topic);
    others?.delete(following);
    if (!others?.size) this.followed.delete(following.topic);
  }

  /**
   * Sends a request and gives its answer.
   * @throws {Refused} with the host's reason, or that it does not answer.
   */
  ask(request: Request): Promise<Answer> {
    const number = ++this.request;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.waiting.delete(number);
        reject(new Refused(`${this.host} does not answer. ${UNKNOWN}`));
      }, ANSWER_MS);
      this.waiting.set(number, { resolve, reject, timer });
      if (this.post({ ...request, request: number } as Ask) !== false) return;
      clearTimeout(timer);
      this.waiting.delete(number);
      reject(new Refused(`${this.host} can't be reached now. Nothing was sent: try again when it answers.`));
    });
  }

  post(message: Ask | Follow): boolean {
    return this.channel.send(JSON.stringify(message));
  }

  /** The channel broke: what was asked for may have been carried out or not. */
  lost(): void {
    for (const { timer, reject } of this.waiting.values()) {
      clearTimeout(timer);
      reject(new Refused(`The connection broke before the answer. ${UNKNOWN}`));
    }
    this.waiting.clear();
  }

  /** The channel is there again: all that is followed is asked for anew. */
  renew(): void {
    for (const set of this.followed.values()) for (const following of set) following.renew();
  }

  private receive(text: string, buffers: readonly DataView[]): void {
    const message = JSON.parse(text) as Told;
    if (message.type === "answer") return this.answer(message);
    for (const following of this.followed.get(message.topic) ?? []) following.take(message, buffers);
  }

  private answer(answer: Answer): void {
    const waiting = this.waiting.get(answer.request);
    if (!waiting) return;
    this.waiting.delete(answer.request);
    clearTimeout(waiting.timer);
    if (answer.error === null) waiting.resolve(answer);
    else waiting.reject(new Refused(answer.error));
  }

  close(): void {
    this.stop();
    for (const set of this.followed.values()) for (const following of set) following.close();
    for (const { timer, reject } of this.waiting.values()) {
      clearTimeout(timer);
      reject(new Refused("The view was closed."));
    }
    this.waiting.clear();
  }
}
