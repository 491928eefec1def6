import type { ICommandPalette } from "@jupyterlab/apputils";

/** Offers commands in the palette. */
export function offer(palette: ICommandPalette | null, commands: readonly string[]): void {
  for (const command of commands) palette?.addItem({ command, category: "Workflows" });
}

/** An argument of a command where it is a text with something in it. */
export function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value ? value : undefined;
}

/** The JSON Schema of arguments that are all text. */
export function texts(required: readonly string[], optional: readonly string[] = []) {
  const properties = Object.fromEntries([...required, ...optional].map(name => [name, { type: "string" as const }]));
  return { args: { type: "object" as const, properties, required: [...required] } };
}
