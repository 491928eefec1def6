import { readFileSync } from "node:fs";
import type { Channel } from "../src/components/protocol";

interface Recorded {
  text: string;
  buffers: string[];
}

/** What `tests/live/test_feed.py` recorded of Python's feed. */
export const story = JSON.parse(readFileSync("labextension/tests/fixtures/run_messages.json", "utf-8")) as Recorded[];

export function bytes({ buffers }: Recorded): DataView[] {
  // An odd offset: a transport may hand over views into a larger message.
  return buffers.map(text => {
    const raw = Buffer.from(text, "base64");
    const padded = new Uint8Array(raw.length + 3);
    padded.set(raw, 3);
    return new DataView(padded.buffer, 3);
  });
}

/** A host that is played by the test. */
export class PlayedHost implements Channel {
  readonly sent: Record<string, unknown>[] = [];
  private handler: (text: string, buffers: readonly DataView[]) => void = () => undefined;

  send(text: string): boolean {
    this.sent.push(JSON.parse(text) as Record<string, unknown>);
    return true;
  }

  listen(handler: (text: string, buffers: readonly DataView[]) => void): () => void {
    this.handler = handler;
    return () => (this.handler = () => undefined);
  }

  tell(message: object, buffers: readonly DataView[] = []): void {
    this.handler(JSON.stringify(message), buffers);
  }

  play(recorded: Recorded): void {
    this.handler(recorded.text, bytes(recorded));
  }

  asked(type: string): Record<string, unknown>[] {
    return this.sent.filter(message => message["type"] === type);
  }
}
