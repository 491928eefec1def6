// A run as the page knows it: built from a snapshot and the changes after it.

import type { RunHead, ShownApproval, StepDetails, StepName, Token } from "../schema";
import { NO_NUMBER, StepColumns } from "./columns";
import type { Following, Link, Liveness, Topical } from "./protocol";
import { TokenText } from "./token_text";
import { time } from "./words";

const NO_BYTES = new DataView(new ArrayBuffer(0));

/** Tells its listeners about each change, at most once a frame. */
export class Observable {
  private readonly listeners = new Set<() => void>();
  private pending = false;

  subscribe(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  protected changed(): void {
    if (this.pending) return;
    this.pending = true;
    requestAnimationFrame(() => {
      this.pending = false;
      this.told();
    });
  }

  /** Tells it now: what is seen for the first time need not wait for a frame. */
  protected told(): void {
    for (const listener of this.listeners) listener();
  }
}

/** One run: its head, its steps as columns, its approvals and the texts its steps write. */
export class RunModel extends Observable {
  head: RunHead | null = null;
  readonly steps = new StepColumns();
  names: StepName[] = [];
  approvals: ShownApproval[] = [];
  trouble: string | null = null;
  liveness: Liveness = "live";
  /** Grows by one with each change of the steps. */
  version = 0;
  readonly tokens = new Map<string, TokenText>();
  private ids = new Map<number, string>();
  private clockAhead = 0;
  private readonly following: Following;

  constructor(
    readonly topic: string,
    readonly link: Link,
  ) {
    super();
    this.following = link.follow(
      topic,
      (message, buffers) => this.take(message, buffers),
      liveness => {
        this.liveness = liveness;
        this.changed();
      },
    );
  }

  close(): void {
    this.link.unfollow(this.following);
  }

  get closed(): boolean {
    return !!this.head && this.head.run.status !== "running";
  }

  /** The host's clock, as far as it is known. */
  now(): number {
    const closed = time(this.head?.run.closed_at);
    return Number.isNaN(closed) ? Date.now() + this.clockAhead : closed;
  }

  stepId(index: number): string {
    const number = this.steps.number[index]!;
    return number === NO_NUMBER ? (this.ids.get(index) ?? "?") : `${this.nameOf(index)}-${number}`;
  }

  nameOf(index: number): string {
    return this.names[this.steps.name[index]!]?.name ?? "?";
  }

  indexOf(id: string): number {
    for (let index = 0; index < this.steps.size; index++) if (this.stepId(index) === id) return index;
    return -1;
  }

  async details(index: number): Promise<StepDetails> {
    const answer = await this.link.ask({ type: "details", topic: this.topic, step: this.stepId(index) });
    return answer.details!;
  }

  private take(message: Topical, buffers: readonly DataView[]): void {
    const isFirst = !this.head;
    try {
      if (message.type === "tokens") return this.takeTokens(message.pieces);
      if (message.type === "trouble") this.trouble = message.message;
      else if (message.type === "snapshot" || message.type === "change") this.takeSteps(message, buffers);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      this.following.resync();
    }
    if (isFirst && this.head) this.told();
    else this.changed();
  }

  private takeSteps(message: Extract<Topical, { type: "snapshot" | "change" }>, buffers: readonly DataView[]): void {
    const [steps = NO_BYTES, attempts = NO_BYTES, indexes = NO_BYTES] = buffers;
    this.trouble = null;
    // A clock that is behind by the time a message travels is good enough for growing bars.
    this.clockAhead = time(message.at) - Date.now();
    if (message.type === "snapshot") {
      this.steps.replace(steps, attempts);
      this.names = message.names;
      this.ids = new Map();
      this.approvals = message.approvals;
    } else {
      this.steps.change(steps, attempts, indexes);
      this.names = [...this.names, ...message.names];
      this.approvals = merged(this.approvals, message.approvals);
    }
    if (this.steps.size !== message.steps) throw new RangeError("steps are missing");
    for (const [index, id] of Object.entries(message.ids)) this.ids.set(Number(index), id);
    if (message.head && this.head && message.head.run.run_id !== this.head.run.run_id) this.tokens.clear();
    if (message.head) this.head = message.head;
    this.version++;
    if (this.closed && this.head?.run.status !== "continued_as_new") this.following.close();
  }

  /** Only the texts themselves are drawn anew, unless one of them begins or ends. */
  private takeTokens(pieces: Token[]): void {
    for (const piece of pieces) {
      const known = this.tokens.get(piece.step) ?? new TokenText();
      this.tokens.set(piece.step, known);
      if (known.take(piece)) this.changed();
    }
  }
}

function merged(known: ShownApproval[], news: ShownApproval[]): ShownApproval[] {
  const byId = new Map(known.map(shown => [shown.approval.id, shown]));
  for (const shown of news) byId.set(shown.approval.id, shown);
  return [...byId.values()];
}
