import { useEffect, useState } from "preact/hooks";
import type { ScheduleState } from "../schema";
import { useAction, useUnique } from "./hooks";
import type { NewTimes, Overlap, SchedulesModel } from "./schedules_model";
import { Alert } from "./text_views";
import { oneLine } from "./untrusted";

const UNITS: [string, number][] = [
  ["days", 86_400],
  ["hours", 3_600],
  ["minutes", 60],
  ["seconds", 1],
];
const OVERLAPS: Record<Overlap, string> = {
  skip: "leave the start out",
  buffer_one: "one start waits",
  buffer_all: "all starts wait",
  cancel_other: "cancel the run before",
  terminate_other: "terminate the run before",
  allow_all: "run both",
};

/** The fields of the form, as they are written. */
interface Written {
  cron: string;
  every: string;
  unit: number;
  calendar: string;
  timeZone: string;
  overlap: Overlap | "";
}

/** What a schedule has, as it is written into the form. */
export function writtenOf({ given, time_zone, overlap }: ScheduleState): Written {
  const seconds = given?.every_seconds ?? null;
  const unit = UNITS.find(([, size]) => seconds !== null && seconds % size === 0)?.[1] ?? 60;
  return {
    cron: (given?.cron ?? []).join("\n"),
    every: seconds === null ? "" : String(seconds / unit),
    unit,
    calendar: (given?.calendar ?? []).join("\n"),
    timeZone: time_zone,
    overlap: overlap ?? "",
  };
}

/** What is asked for by what was written. */
export function timesOf({ cron, every, unit, calendar, timeZone, overlap }: Written): NewTimes {
  const lines = (text: string) =>
    text
      .split("\n")
      .map(line => line.trim())
      .filter(Boolean);
  return {
    cron: lines(cron),
    every_seconds: every.trim() ? Math.round(Number(every) * unit) : null,
    calendar: lines(calendar),
    time_zone: timeZone.trim() || "UTC",
    overlap: overlap || null,
  };
}

interface TimesFormProps {
  model: SchedulesModel;
  id: string;
  onClose: () => void;
}

/** Changes when a schedule starts runs; what it starts stays. */
export function TimesForm({ model, id, onClose }: TimesFormProps) {
  const [written, setWritten] = useState<Written | null>(null);
  const [doing, act] = useAction();
  const form = useUnique("times");
  useEffect(() => {
    void act(async () => setWritten(writtenOf(await model.find(id))));
  }, [model, id]);
  const ready = written !== null;
  useEffect(() => {
    if (ready) document.getElementById(`${form}-cron`)?.focus();
  }, [ready]);
  const save = (event: Event) => {
    event.preventDefault();
    if (!written || doing.busy) return;
    void act(async () => {
      await model.setTimes(id, timesOf(written));
      onClose();
    });
  };
  const leave = (event: KeyboardEvent) => {
    if (event.key === "Escape") onClose();
  };
  return (
    <form class="jwl-schedule-asks" aria-label={`Times of ${oneLine(id, 80)}`} onSubmit={save} onKeyDown={leave}>
      {written && <Fields form={form} written={written} onWrite={part => setWritten({ ...written, ...part })} />}
      <Alert message={doing.error} />
      <div class="jwl-row">
        <button type="submit" class="jwl-approve" disabled={!written || doing.busy}>
          Save
        </button>
        <button type="button" onClick={onClose}>
          Cancel
        </button>
      </div>
    </form>
  );
}

interface FieldsProps {
  form: string;
  written: Written;
  onWrite: (part: Partial<Written>) => void;
}

function Fields({ form, written, onWrite }: FieldsProps) {
  return (
    <div class="jwl-form">
      <Lines
        id={`${form}-cron`}
        label="Cron, one a line"
        help="minute, hour, day of month, month, day of week"
        value={written.cron}
        onWrite={cron => onWrite({ cron })}
      />
      <Lines
        id={`${form}-calendar`}
        label="Calendar, one a line"
        help="such as hour=9 minute=30 day_of_week=mon-fri"
        value={written.calendar}
        onWrite={calendar => onWrite({ calendar })}
      />
      <Every form={form} written={written} onWrite={onWrite} />
      <div class="jwl-field">
        <label for={`${form}-zone`}>Time zone</label>
        <input
          id={`${form}-zone`}
          list={`${form}-zones`}
          value={written.timeZone}
          onInput={event => onWrite({ timeZone: event.currentTarget.value })}
        />
        <datalist id={`${form}-zones`}>
          {["UTC", ...Intl.supportedValuesOf("timeZone")].map(name => (
            <option key={name} value={name} />
          ))}
        </datalist>
      </div>
      <div class="jwl-field">
        <label for={`${form}-overlap`}>While the run before is not over</label>
        <select
          id={`${form}-overlap`}
          value={written.overlap}
          onChange={event => onWrite({ overlap: event.currentTarget.value as Overlap })}
        >
          {/* A policy that was set elsewhere, and is none of ours: it stays until another one is chosen. */}
          {!written.overlap && <option value="">as it is</option>}
          {Object.entries(OVERLAPS).map(([name, words]) => (
            <option key={name} value={name}>
              {words}
            </option>
          ))}
        </select>
      </div>
    </div>
  );
}

/** A number and its unit. */
function Every({ form, written, onWrite }: FieldsProps) {
  return (
    <div class="jwl-field">
      <label for={`${form}-every`}>Every</label>
      <span class="jwl-schedule-every">
        <input
          id={`${form}-every`}
          type="number"
          min="0"
          step="any"
          value={written.every}
          onInput={event => onWrite({ every: event.currentTarget.value })}
        />
        <select
          aria-label="Unit of every"
          value={String(written.unit)}
          onChange={event => onWrite({ unit: Number(event.currentTarget.value) })}
        >
          {UNITS.map(([name, size]) => (
            <option key={name} value={String(size)}>
              {name}
            </option>
          ))}
        </select>
      </span>
    </div>
  );
}

interface LinesProps {
  id: string;
  label: string;
  help: string;
  value: string;
  onWrite: (value: string) => void;
}

function Lines({ id, label, help, value, onWrite }: LinesProps) {
  return (
    <div class="jwl-field">
      <label for={id}>{label}</label>
      <textarea
        id={id}
        class="jwl-mono"
        rows={2}
        spellcheck={false}
        aria-describedby={`${id}-help`}
        value={value}
        onInput={event => onWrite(event.currentTarget.value)}
      />
      <div id={`${id}-help`} class="jwl-help">
        {help}
      </div>
    </div>
  );
}
