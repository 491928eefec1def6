import { useEffect, useRef, useState } from "preact/hooks";
import type { ScheduleState } from "../schema";
import { cronWords } from "./cron_words";
import { useAction, useChanges, useNow } from "./hooks";
import { Notice } from "./notice";
import { may } from "./rights";
import type { RunHost } from "./run_card";
import { TimesForm } from "./schedule_times";
import type { ScheduleAction, SchedulesModel } from "./schedules_model";
import { Pill } from "./status";
import { Alert } from "./text_views";
import { oneLine } from "./untrusted";
import { ago, count, moment, time } from "./words";

const MOST = 500;
const NEXT = 3;
const CRON = "cron ";

/** Workflows that start by the clock: when, what came of it, and what its reader may do about them. */
export function Schedules({ model, host }: { model: SchedulesModel; host: RunHost }) {
  useChanges(model);
  const { schedules } = model;
  const root = useRef<HTMLElement>(null);
  const mayChange = may(model.viewer.state, "execute workflows");
  const paused = (schedules ?? []).filter(each => each.paused).length;
  return (
    <section ref={root} class="jwl" tabIndex={-1} aria-label="Schedules" aria-busy={!schedules && !model.trouble}>
      <header class="jwl-bar">
        <b>Schedules</b>
        <span class="jwl-right jwl-muted" role="status">
          {schedules ? `${count(schedules.length, "schedule")}${paused ? `, ${paused} paused` : ""}` : "…"}
        </span>
      </header>
      <Notice model={model} />
      {schedules?.length === 0 &&
        (mayChange ? <HowToMakeOne /> : <div class="jwl-empty">Nothing starts by the clock yet.</div>)}
      {schedules && schedules.length > 0 && (
        <ul class="jwl-schedules">
          {schedules.slice(0, MOST).map(each => (
            <Entry
              key={each.id}
              schedule={each}
              model={model}
              host={host}
              onGone={() => root.current?.focus({ preventScroll: true })}
            />
          ))}
        </ul>
      )}
    </section>
  );
}

function HowToMakeOne() {
  return (
    <div class="jwl-empty">
      <p>Nothing starts by the clock yet. In a notebook:</p>
      <pre class="jwl-code jwl-schedules-how">
        {'from jupyter_workflows import schedule\n\nschedule(my_workflow, cron="0 2 * * *", time_zone="Europe/Paris")'}
      </pre>
      <p>
        or <code>%workflow schedule my_workflow --cron "0 2 * * *"</code>, also in a terminal as{" "}
        <code>jupyter workflows schedule</code>.
      </p>
    </div>
  );
}

interface EntryProps {
  schedule: ScheduleState;
  model: SchedulesModel;
  host: RunHost;
  /** Where the keyboard goes when there is no entry any more. */
  onGone: () => void;
}

function Entry({ schedule, model, host, onGone }: EntryProps) {
  const [asks, setAsks] = useState<"times" | "delete" | null>(null);
  const [doing, act] = useAction();
  const opener = useRef<HTMLDivElement>(null);
  const close = () => {
    const name = asks === "delete" ? "delete" : "times";
    setAsks(null);
    opener.current?.querySelector<HTMLElement>(`[data-opens="${name}"]`)?.focus();
  };
  const name = oneLine(schedule.id, 80);
  const remove = () =>
    act(async () => {
      await model.act(schedule.id, "delete");
      onGone();
    });
  const see = (action: ScheduleAction) => act(() => model.act(schedule.id, action));
  return (
    <li class="jwl-schedule" aria-label={`Schedule ${name}`} aria-busy={doing.busy}>
      <div class="jwl-row" ref={opener}>
        <Pill status={schedule.paused ? "waiting" : "running"} words={schedule.paused ? "paused" : "on"} />
        <b class="jwl-title jwl-any">{name}</b>
        {may(model.viewer.state, "execute workflows") && (
          <span class="jwl-right jwl-row">
            <label>
              <input
                type="checkbox"
                role="switch"
                aria-label={`Pause ${name}`}
                checked={schedule.paused}
                disabled={doing.busy}
                onChange={() => void see(schedule.paused ? "resume" : "pause")}
              />{" "}
              pause
            </label>
            <button type="button" disabled={doing.busy} onClick={() => void see("trigger")}>
              Run now
            </button>
            <Opener name="times" words="Times…" open={asks === "times"} onOpen={() => setAsks("times")} />
            <Opener name="delete" words="Delete…" open={asks === "delete"} onOpen={() => setAsks("delete")} />
          </span>
        )}
      </div>
      <Alert message={doing.error} />
      {asks === "times" && <TimesForm model={model} id={schedule.id} onClose={close} />}
      {asks === "delete" && <Deletion name={name} busy={doing.busy} onKeep={close} onDelete={() => void remove()} />}
      <Facts schedule={schedule} host={host} />
    </li>
  );
}

interface OpenerProps {
  name: string;
  words: string;
  open: boolean;
  onOpen: () => void;
}

function Opener({ name, words, open, onOpen }: OpenerProps) {
  return (
    <button type="button" data-opens={name} aria-expanded={open} onClick={onOpen}>
      {words}
    </button>
  );
}

interface DeletionProps {
  name: string;
  busy: boolean;
  onKeep: () => void;
  onDelete: () => void;
}

/** Asks before a schedule is gone for good. */
function Deletion({ name, busy, onKeep, onDelete }: DeletionProps) {
  const keep = useRef<HTMLButtonElement>(null);
  useEffect(() => keep.current?.focus(), []);
  return (
    <div
      class="jwl-schedule-asks"
      role="group"
      aria-label={`Delete ${name}?`}
      onKeyDown={event => event.key === "Escape" && onKeep()}
    >
      <div class="jwl-any">Delete {name} for good? Runs that are open go on.</div>
      <div class="jwl-row">
        <button type="button" ref={keep} onClick={onKeep}>
          Keep it
        </button>
        <button type="button" class="jwl-reject" disabled={busy} onClick={onDelete}>
          Delete
        </button>
      </div>
    </div>
  );
}

function Facts({ schedule, host }: { schedule: ScheduleState; host: RunHost }) {
  const now = useNow(5_000);
  const [last] = schedule.recent;
  const next = schedule.next.slice(0, NEXT).map(time);
  const open = host.openRun;
  return (
    <dl class="jwl-facts jwl-schedule-facts">
      <Fact name="Workflow">{oneLine(schedule.workflow, 120)}</Fact>
      <Fact name="When">
        {schedule.times.slice(0, 10).map((words, at) => (
          <When key={at} words={words} />
        ))}
        <span class="jwl-muted">{oneLine(schedule.time_zone, 60)}</span>
      </Fact>
      <Fact name="Next runs, your time">
        {next.length
          ? next.map(at => <div key={at}>{moment(at)}</div>)
          : schedule.paused
            ? "none while paused"
            : "none"}
        {next.length > 0 && <span class="jwl-muted">{ago(next[0]!, now)}</span>}
      </Fact>
      <Fact name="Last run">
        {!last && "none yet"}
        {last && open && (
          <button type="button" class="jwl-link jwl-mono" onClick={() => open(last.run, "")}>
            {oneLine(last.run, 120)}
          </button>
        )}
        {last && !open && <span class="jwl-mono">{oneLine(last.run, 120)}</span>}
        {last && <div class="jwl-muted">{ago(time(last.at), now)}</div>}
      </Fact>
      <Fact name="Made by">{oneLine(schedule.made_by, 80) || "unknown"}</Fact>
      {schedule.note && <Fact name="Note">{oneLine(schedule.note, 300)}</Fact>}
    </dl>
  );
}

/** One of its times; a cron expression in words where there are some, and as it was given. */
function When({ words }: { words: string }) {
  const told = words.startsWith(CRON) ? cronWords(words.slice(CRON.length)) : null;
  return (
    <div>
      {told && <div>{told}</div>}
      <span class={told ? "jwl-muted" : undefined}>{oneLine(words, 120)}</span>
    </div>
  );
}

function Fact({ name, children }: { name: string; children: preact.ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
