// Models that several views of a page show: each is followed once, and for a moment after its last view is gone.

const LINGER_MS = 5_000;

interface Held<Model> {
  model: Model;
  users: number;
  timer: ReturnType<typeof setTimeout> | undefined;
}

/** The models of one kind, by topic. */
export class Shared<Model extends { close(): void }> {
  private readonly held = new Map<string, Held<Model>>();

  constructor(private readonly make: (topic: string) => Model) {}

  /** The model of a topic; to be given back. */
  take(topic: string): Model {
    const held = this.held.get(topic) ?? { model: this.make(topic), users: 0, timer: undefined };
    this.held.set(topic, held);
    clearTimeout(held.timer);
    held.users++;
    return held.model;
  }

  /** Gives a model back. A host that draws an output anew takes it again at once, and need not start over. */
  give(topic: string): void {
    const held = this.held.get(topic);
    if (!held || --held.users > 0) return;
    held.timer = setTimeout(() => {
      this.held.delete(topic);
      held.model.close();
    }, LINGER_MS);
  }
}
