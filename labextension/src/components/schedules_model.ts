// The schedules as the page knows them: Temporal holds them, and the page looks from time to time.

import type { ConnectionState, ScheduleState, ScheduleTimes } from "../schema";
import type { StateModel } from "./list_models";
import type { Liveness } from "./protocol";
import { Observable } from "./run_model";

const LOOK_MS = 4_000;
/** How long what was answered counts for more than the list, which follows after a moment. */
const FRESH_MS = 10_000;

export type ScheduleAction = "pause" | "resume" | "trigger" | "delete";
export type Overlap = NonNullable<ScheduleState["overlap"]>;

/** Times in the place of those that a schedule has. */
export interface NewTimes extends ScheduleTimes {
  time_zone: string;
  overlap: Overlap | null;
}

/** Where schedules are asked for; each may be refused with a reason. */
export interface SchedulesPlace {
  list(): Promise<ScheduleState[]>;
  find(id: string): Promise<ScheduleState>;
  act(id: string, action: ScheduleAction): Promise<ScheduleState | null>;
  setTimes(id: string, times: NewTimes): Promise<ScheduleState>;
}

interface Known {
  schedule: ScheduleState | null;
  until: number;
}

/** All schedules, by id. */
export class SchedulesModel extends Observable {
  schedules: ScheduleState[] | null = null;
  trouble: string | null = null;
  readonly liveness: Liveness = "live";
  readonly link = { host: "The Jupyter server" };
  private readonly known = new Map<string, Known>();
  private readonly timer: ReturnType<typeof setInterval>;
  private readonly stop: () => void;

  constructor(
    readonly topic: string,
    private readonly place: SchedulesPlace,
    /** Who looks, and what they may. */
    readonly viewer: StateModel<ConnectionState>,
  ) {
    super();
    this.stop = viewer.subscribe(() => this.changed());
    this.timer = setInterval(() => void this.look(), LOOK_MS);
    void this.look();
  }

  /** Looks what there is; where that can't be told, says why and keeps what was seen. */
  async look(): Promise<void> {
    if (typeof document !== "undefined" && document.hidden && this.schedules) return;
    try {
      this.schedules = this.fresh(await this.place.list());
      this.trouble = null;
    } catch (error) {
      this.trouble = error instanceof Error ? error.message : String(error);
    }
    this.changed();
  }

  /** One schedule with all that is known of it. */
  find(id: string): Promise<ScheduleState> {
    return this.place.find(id);
  }

  async act(id: string, action: ScheduleAction): Promise<void> {
    this.know(id, await this.place.act(id, action));
  }

  async setTimes(id: string, times: NewTimes): Promise<void> {
    this.know(id, await this.place.setTimes(id, times));
  }

  close(): void {
    clearInterval(this.timer);
    this.stop();
  }

  private know(id: string, schedule: ScheduleState | null): void {
    this.known.set(id, { schedule, until: Date.now() + FRESH_MS });
    this.schedules = this.fresh(this.schedules ?? []);
    this.changed();
  }

  /** The list with what was answered since; its runs are the list's. */
  private fresh(listed: ScheduleState[]): ScheduleState[] {
    return listed.flatMap(each => {
      const known = this.known.get(each.id);
      if (!known || known.until < Date.now()) return [each];
      const { schedule } = known;
      if (!schedule) return [];
      const newest = each.recent.length && each.recent[0]!.at >= (schedule.recent[0]?.at ?? "") ? each : schedule;
      return [{ ...schedule, next: schedule.paused ? [] : schedule.next, recent: newest.recent }];
    });
  }
}
