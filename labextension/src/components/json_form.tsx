import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { useUnique } from "./hooks";
import { type Field, parsed, typed } from "./json_schema";
import { oneLine, printable } from "./untrusted";

interface FormProps {
  fields: Field[];
  values: Record<string, unknown>;
  problems: Map<string, string>;
  path?: string;
  disabled?: boolean;
  onChange: (values: Record<string, unknown>) => void;
}

/** Inputs for the fields of a JSON Schema. */
export function JsonForm({ fields, values, problems, path = "", disabled = false, onChange }: FormProps) {
  const set = (name: string, value: unknown) => {
    onChange(Object.fromEntries(Object.entries({ ...values, [name]: value }).filter(([, each]) => each !== undefined)));
  };
  return (
    <div class="jwl-form">
      {fields.map(field =>
        field.kind === "group" ? (
          <fieldset key={field.name} disabled={disabled}>
            <legend>{oneLine(field.label, 80)}</legend>
            <JsonForm
              fields={field.fields}
              values={(values[field.name] ?? {}) as Record<string, unknown>}
              problems={problems}
              path={`${path}${field.name}.`}
              onChange={inner => set(field.name, inner)}
            />
          </fieldset>
        ) : (
          <Labelled
            key={field.name}
            field={field}
            value={values[field.name]}
            problem={problems.get(path + field.name)}
            disabled={disabled}
            onChange={value => set(field.name, value)}
          />
        ),
      )}
    </div>
  );
}

interface FieldProps {
  field: Field;
  value: unknown;
  problem: string | undefined;
  disabled: boolean;
  onChange: (value: unknown) => void;
}

function Labelled(props: FieldProps) {
  const { field, problem } = props;
  const id = useUnique("field");
  const label = (
    <label for={id}>
      {oneLine(field.label, 80)}
      {field.required || field.kind === "boolean" ? "" : <span class="jwl-muted"> (optional)</span>}
    </label>
  );
  const check = controlOf(field) === "check";
  return (
    <div class={check ? "jwl-field jwl-check" : "jwl-field"}>
      {!check && label}
      <Input {...props} id={id} />
      {check && label}
      {(field.description || problem) && (
        <div id={`${id}-help`} class={problem ? "jwl-help jwl-wrong" : "jwl-help"}>
          {problem ? `${oneLine(field.label, 80)} ${problem}` : printable(field.description, 500)}
        </div>
      )}
    </div>
  );
}

const INPUT_TYPES: Partial<Record<Field["kind"], string>> = { date: "date", datetime: "datetime-local" };

function Input({ field, value, problem, disabled, onChange, id }: FieldProps & { id: string }) {
  const shared = {
    id,
    disabled,
    "aria-invalid": !!problem,
    "aria-required": field.required,
    "aria-describedby": field.description || problem ? `${id}-help` : undefined,
  };
  // What is typed stays as it was typed: "7." is on its way to 7.5, though its value is 7.
  const [raw, setRaw] = useState("");
  const shown = sameValue(parsed(field, raw), value) ? raw : typed(field, value);
  const onInput = (event: JSX.TargetedEvent<HTMLInputElement | HTMLTextAreaElement>) => {
    setRaw(event.currentTarget.value);
    onChange(parsed(field, event.currentTarget.value));
  };
  const text = { ...shared, value: shown, onInput, dir: "auto" as const };
  const control = controlOf(field);
  if (control === "check")
    return (
      <input {...shared} type="checkbox" checked={value === true} onChange={e => onChange(e.currentTarget.checked)} />
    );
  if (control === "choice") return <Choice {...{ field, value, onChange }} shared={shared} />;
  if (control === "area") return <textarea {...text} rows={field.kind === "long" ? 4 : 3} />;
  const numeric = field.kind === "integer" || field.kind === "number";
  return <input {...text} type={INPUT_TYPES[field.kind] ?? "text"} inputMode={numeric ? "decimal" : undefined} />;
}

function sameValue(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

/** With what a field is filled in. */
function controlOf({ kind, nullable }: Field): "check" | "choice" | "area" | "line" {
  if (kind === "boolean") return nullable ? "choice" : "check";
  if (kind === "choice") return "choice";
  return kind === "json" || kind === "list" || kind === "long" ? "area" : "line";
}

interface ChoiceProps {
  field: Field;
  value: unknown;
  onChange: (value: unknown) => void;
  shared: Record<string, unknown>;
}

function Choice({ field, value, onChange, shared }: ChoiceProps) {
  const choices = field.kind === "boolean" ? [true, false] : field.choices;
  const at = choices.findIndex(choice => JSON.stringify(choice) === JSON.stringify(value));
  const words = (choice: unknown) => (typeof choice === "boolean" ? (choice ? "yes" : "no") : oneLine(choice, 120));
  return (
    <select {...shared} value={String(at)} onChange={event => onChange(choices[Number(event.currentTarget.value)])}>
      {(at < 0 || !field.required) && <option value="-1">{field.required ? "choose…" : "—"}</option>}
      {choices.map((choice, number) => (
        <option key={number} value={String(number)}>
          {words(choice)}
        </option>
      ))}
    </select>
  );
}
