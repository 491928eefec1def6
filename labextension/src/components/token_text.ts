// The text that a step writes while it runs, attempt by attempt.

import type { Tokens } from "../schema";

/** Pieces put together by attempt and offset; a piece may come twice, a retry starts the text anew. */
export class TokenText {
  attempt = 0;
  text = "";
  done = false;
  /** What earlier attempts had written before they failed. */
  readonly abandoned: { attempt: number; text: string }[] = [];
  private readonly listeners = new Set<() => void>();

  /** @throws {RangeError} A piece before this one is missing. */
  take(piece: Pick<Tokens, "attempt" | "offset" | "text" | "done">): void {
    if (piece.attempt < this.attempt) return;
    if (piece.attempt > this.attempt) {
      if (this.text) this.abandoned.push({ attempt: this.attempt, text: this.text });
      this.attempt = piece.attempt;
      this.text = "";
      this.done = false;
    }
    if (piece.offset > this.text.length) throw new RangeError("tokens are missing");
    this.text += piece.text.slice(this.text.length - piece.offset);
    this.done ||= piece.done;
    for (const listener of this.listeners) listener();
  }

  subscribe(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}
