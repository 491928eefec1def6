// What a form needs of a JSON Schema, as pydantic writes it: fields, their kinds, and what is wrong with a value.

export type Schema = Record<string, unknown>;

export interface Field {
  name: string;
  label: string;
  description: string;
  kind: "text" | "long" | "integer" | "number" | "boolean" | "choice" | "list" | "group" | "json" | "date" | "datetime";
  required: boolean;
  nullable: boolean;
  choices: unknown[];
  fields: Field[];
  initial: unknown;
  schema: Schema;
}

const DEEPEST = 4;
const MOST_FIELDS = 100;

function isSchema(value: unknown): value is Schema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The schema that a local `$ref` names, with what stands beside the `$ref`. */
function resolved(schema: Schema, root: Schema): Schema {
  const reference = schema["$ref"];
  if (typeof reference !== "string") return schema;
  const parts = reference.replace(/^#\//, "").split("/");
  let found: unknown = root;
  for (const part of parts) found = isSchema(found) && Object.hasOwn(found, part) ? found[part] : undefined;
  return isSchema(found) ? { ...found, ...schema, $ref: undefined } : {};
}

/** A schema without `null` as an alternative, and whether it had one. */
function withoutNull(schema: Schema, root: Schema): { schema: Schema; nullable: boolean } {
  const options = schema["anyOf"] ?? schema["oneOf"];
  if (!Array.isArray(options)) return { schema, nullable: false };
  const kept = options.filter(isSchema).filter(option => option["type"] !== "null");
  const nullable = kept.length < options.length;
  if (kept.length !== 1) return { schema, nullable };
  return { schema: { ...resolved(kept[0]!, root), ...schema, anyOf: undefined, oneOf: undefined }, nullable };
}

const TEXT_KINDS: Record<string, Field["kind"]> = { date: "date", "date-time": "datetime" };
const ITEMS_ON_LINES = ["string", "integer", "number"];

/** The kind of field for each `type`. */
const KIND_OF: Record<string, (schema: Schema, depth: number) => Field["kind"]> = {
  boolean: () => "boolean",
  integer: () => "integer",
  number: () => "number",
  string: schema => TEXT_KINDS[String(schema["format"])] ?? (Number(schema["maxLength"] ?? 0) > 200 ? "long" : "text"),
  array: schema =>
    isSchema(schema["items"]) && ITEMS_ON_LINES.includes(String(schema["items"]["type"])) ? "list" : "json",
  object: (schema, depth) => (isSchema(schema["properties"]) && depth < DEEPEST ? "group" : "json"),
};

function kindOf(schema: Schema, depth: number): Field["kind"] {
  if (Array.isArray(schema["enum"]) || schema["const"] !== undefined) return "choice";
  const type = String(schema["type"]);
  return Object.hasOwn(KIND_OF, type) ? KIND_OF[type]!(schema, depth) : "json";
}

function field(name: string, given: unknown, root: Schema, required: boolean, depth: number): Field {
  const { schema, nullable } = withoutNull(resolved(isSchema(given) ? given : {}, root), root);
  const kind = kindOf(schema, depth);
  const choices = schema["const"] !== undefined ? [schema["const"]] : schema["enum"];
  return {
    name,
    label: typeof schema["title"] === "string" ? schema["title"] : name,
    description: typeof schema["description"] === "string" ? schema["description"] : "",
    kind,
    required,
    nullable,
    choices: Array.isArray(choices) ? choices.slice(0, 500) : [],
    fields: kind === "group" ? fieldsOf(schema, root, depth + 1) : [],
    initial: schema["default"],
    schema,
  };
}

/** The fields of an object schema. */
export function fieldsOf(schema: Schema, root: Schema = schema, depth = 0): Field[] {
  const properties = isSchema(schema["properties"]) ? schema["properties"] : {};
  const required = new Set(Array.isArray(schema["required"]) ? schema["required"] : []);
  return Object.entries(properties)
    .slice(0, MOST_FIELDS)
    .map(([name, part]) => field(name, part, root, required.has(name), depth));
}

/** What stands in a form before anyone typed: its fields' defaults. */
export function initialValues(fields: Field[]): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const each of fields) {
    if (each.initial !== undefined) values[each.name] = each.initial;
    else if (each.kind === "group") values[each.name] = initialValues(each.fields);
    else if (each.kind === "boolean" && each.required) values[each.name] = false;
    else if (each.choices.length === 1) values[each.name] = each.choices[0];
  }
  return values;
}

/** What is wrong with a form, by the path of the field; the workflow has the last word. */
export function problems(fields: Field[], values: Record<string, unknown>, path = ""): Map<string, string> {
  const found = new Map<string, string>();
  for (const each of fields) {
    const value = values[each.name];
    const at = path + each.name;
    if (each.kind === "group" && isSchema(value)) {
      for (const [inner, words] of problems(each.fields, value, `${at}.`)) found.set(inner, words);
      continue;
    }
    const words = problem(each, value);
    if (words) found.set(at, words);
  }
  return found;
}

function problem(each: Field, value: unknown): string | null {
  if (value === undefined || value === "" || value === null) return mayBeEmpty(each, value) ? null : "is needed";
  if (value instanceof Unparsed) return value.words;
  if (typeof value === "number") return numberProblem(each.schema, value);
  return typeof value === "string" ? textProblem(each.schema, value) : null;
}

/** Whether a field may be left as it is: a required text may be empty where its schema does not forbid it. */
function mayBeEmpty(each: Field, value: unknown): boolean {
  if (!each.required || (value === null && each.nullable)) return true;
  return value === "" && each.kind === "text" && !each.schema["minLength"];
}

function numberProblem(schema: Schema, value: number): string | null {
  const limit = (key: string) => (typeof schema[key] === "number" ? (schema[key] as number) : NaN);
  if (value < limit("minimum")) return `is at least ${limit("minimum")}`;
  if (value > limit("maximum")) return `is at most ${limit("maximum")}`;
  if (value <= limit("exclusiveMinimum")) return `is more than ${limit("exclusiveMinimum")}`;
  if (value >= limit("exclusiveMaximum")) return `is less than ${limit("exclusiveMaximum")}`;
  return null;
}

function textProblem(schema: Schema, value: string): string | null {
  if (value.length < Number(schema["minLength"] ?? 0)) return `has at least ${schema["minLength"]} characters`;
  if (value.length > Number(schema["maxLength"] ?? Infinity)) return `has at most ${schema["maxLength"]} characters`;
  return null;
}

/** Typed text that is no value of its field's type yet. */
export class Unparsed {
  constructor(
    readonly text: string,
    readonly words: string,
  ) {}
}

const PARSERS: Partial<Record<Field["kind"], (each: Field, text: string) => unknown>> = {
  integer: (_, text) => (/^\s*-?\d+\s*$/.test(text) ? Number(text) : new Unparsed(text, "is a whole number")),
  number: (_, text) =>
    text.trim() && Number.isFinite(Number(text)) ? Number(text) : new Unparsed(text, "is a number"),
  datetime: (_, text) => (text.length === 16 ? `${text}:00` : text),
  list: listOf,
  json: (_, text) => jsonOf(text),
};

/** The value of what was typed into a field; `Unparsed` where it is none. */
export function parsed(each: Field, text: string): unknown {
  if (text === "" && each.kind !== "text" && each.kind !== "long") return undefined;
  return PARSERS[each.kind]?.(each, text) ?? text;
}

function listOf(each: Field, text: string): unknown {
  const lines = text.split("\n").filter(line => line.trim());
  const items = each.schema["items"] as Schema;
  if (items["type"] === "string") return lines;
  const numbers = lines.map(Number);
  return numbers.every(Number.isFinite) ? numbers : new Unparsed(text, "has one number on each line");
}

export function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    return new Unparsed(text, `is no JSON: ${error instanceof Error ? error.message.slice(0, 120) : ""}`);
  }
}

/** A field's value as it is typed. */
export function typed(each: Field, value: unknown): string {
  if (value instanceof Unparsed) return value.text;
  if (value === undefined || value === null) return "";
  if (each.kind === "list" && Array.isArray(value)) return value.join("\n");
  if (each.kind === "datetime") return String(value).slice(0, 16);
  return typeof value === "string" && each.kind !== "json" ? value : JSON.stringify(value, null, 2);
}
