// The text that a step writes while it runs, attempt by attempt.

import type { Token } from "../schema";

/** What an attempt that broke off had written. */
export interface Abandoned {
  attempt: number;
  length: number;
  text: string;
}

const KEPT_ABANDONED = 20;
const KEPT_CHARACTERS = 20_000;
// A text that runs away must not fill the page: of a very long one the end is shown.
export const MOST_CHARACTERS = 120_000;

class Listeners {
  private readonly all = new Set<() => void>();

  subscribe(listener: () => void): () => void {
    this.all.add(listener);
    return () => this.all.delete(listener);
  }

  tell(): void {
    for (const listener of this.all) listener();
  }
}

/**
 * Pieces put together by attempt and offset; a piece may come twice, a retry starts the text anew.
 * Offsets count code points, as Python does. Taking a piece costs the same however long the text is.
 */
export class TokenText {
  attempt = 0;
  /** Code points before what is at hand. */
  begins = 0;
  /** Code points written so far. */
  length = 0;
  done = false;
  /** Grows when the pieces are no longer those of before. */
  generation = 0;
  pieces: string[] = [];
  /** What earlier attempts had written before they failed. */
  readonly abandoned: Abandoned[] = [];
  /** Tells of what is more than text: another attempt, another beginning, the end. */
  readonly shape = new Listeners();
  private readonly listeners = new Listeners();
  private cut = false;

  /** Gives whether more than the text changed. */
  take(piece: Token): boolean {
    if (piece.attempt < this.attempt) return false;
    const { generation, done } = this;
    if (piece.attempt > this.attempt) this.restart(piece);
    else if (piece.offset > this.length || (piece.offset < this.begins && !this.cut)) this.begin(piece.offset);
    const points = [...piece.text];
    const known = this.length - piece.offset;
    if (points.length > known) {
      this.pieces.push(known ? points.slice(known).join("") : piece.text);
      this.length = piece.offset + points.length;
      this.shorten();
    }
    this.done ||= piece.done;
    this.listeners.tell();
    const reshaped = generation !== this.generation || done !== this.done;
    if (reshaped) this.shape.tell();
    return reshaped;
  }

  /** All that is at hand. */
  get text(): string {
    return this.pieces.join("");
  }

  subscribe(listener: () => void): () => void {
    return this.listeners.subscribe(listener);
  }

  private restart(piece: Token): void {
    if (this.length) {
      const text = this.text.slice(-KEPT_CHARACTERS);
      this.abandoned.push({ attempt: this.attempt, length: this.length, text });
      if (this.abandoned.length > KEPT_ABANDONED) this.abandoned.shift();
    }
    this.attempt = piece.attempt;
    this.done = false;
    this.begin(piece.offset);
  }

  private shorten(): void {
    if (this.length - this.begins <= MOST_CHARACTERS) return;
    const kept = [...this.text].slice(-MOST_CHARACTERS / 2);
    this.begin(this.length);
    this.pieces = [kept.join("")];
    this.begins = this.length - kept.length;
    this.cut = true;
  }

  private begin(offset: number): void {
    this.generation++;
    this.cut = false;
    this.pieces = [];
    this.begins = this.length = offset;
  }
}
