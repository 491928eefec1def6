import type { RefObject } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";

/** Renders the component anew whenever the source says that it changed. */
export function useChanges(source: { subscribe(listener: () => void): () => void }): void {
  const [, renew] = useState(0);
  // Before the page is painted: what changes between drawing and listening would never be shown.
  useLayoutEffect(() => source.subscribe(() => renew(number => number + 1)), [source]);
}

/** The time, renewed every so many milliseconds. */
export function useNow(everyMs: number): number {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return now;
}

let used = 0;

/** An id that is unique on the page, for labels. */
export function useUnique(prefix: string): string {
  const id = useRef("");
  if (!id.current) id.current = `jwl-${prefix}-${++used}`;
  return id.current;
}

/** What `useOpened` gives. */
export interface Opened<Opener extends HTMLElement, Panel extends HTMLElement> {
  isOpen: boolean;
  open: () => void;
  close: () => void;
  /** Of the button that opens it. */
  opener: RefObject<Opener>;
  /** Of what is opened; it needs a `tabIndex` of -1. */
  panel: RefObject<Panel>;
  /** Of what is opened: Escape closes it. */
  onKeyDown: (event: KeyboardEvent) => void;
}

/** Something that a button opens in its place: the keyboard goes into it, and back to the button when it is closed. */
export function useOpened<Opener extends HTMLElement, Panel extends HTMLElement>(): Opened<Opener, Panel> {
  const [isOpen, setOpen] = useState(false);
  const opener = useRef<Opener>(null);
  const panel = useRef<Panel>(null);
  const was = useRef(false);
  useEffect(() => {
    if (isOpen) panel.current?.focus();
    else if (was.current) opener.current?.focus();
    was.current = isOpen;
  }, [isOpen]);
  const close = () => setOpen(false);
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    close();
  };
  return { isOpen, open: () => setOpen(true), close, opener, panel, onKeyDown };
}

/** What an action does: nothing yet, at work, or refused with a reason. */
export interface Doing {
  busy: boolean;
  error: string | null;
}

/** An action that may be refused, with what it is doing. */
export function useAction(): [Doing, (action: () => Promise<unknown>) => Promise<void>] {
  const [doing, setDoing] = useState<Doing>({ busy: false, error: null });
  const act = async (action: () => Promise<unknown>) => {
    setDoing({ busy: true, error: null });
    try {
      await action();
      setDoing({ busy: false, error: null });
    } catch (error) {
      setDoing({ busy: false, error: error instanceof Error ? error.message : String(error) });
    }
  };
  return [doing, act];
}
