// Writes `src/schema.ts` from `src/schema.json`, which `python -m tests.live.wire_schema` writes from `schema.py`.
// With `--check` it writes nothing and fails on a difference.
import { readFile, writeFile } from "node:fs/promises";
import { compile } from "json-schema-to-typescript";

const source = new URL("../src/schema.json", import.meta.url);
const target = new URL("../src/schema.ts", import.meta.url);
const banner = [
  "/* Generated from jupyter_workflows/schema.py: `npm run schema`. Do not edit.",
  " * A value of type `unknown` came from a workflow and is hostile wherever it is shown. */",
].join("\n");

export async function generated() {
  const schema = JSON.parse(await readFile(source, "utf-8"));
  const text = await compile(schema, "Wire", {
    additionalProperties: false,
    bannerComment: banner,
    format: true,
    style: { printWidth: 120, arrowParens: "avoid" },
    unknownAny: true,
    unreachableDefinitions: true,
  });
  // The root only carries the definitions.
  return text
    .replace(/export interface Wire \{\}\n/, "")
    .replace(/(\n \*)*\n \* This interface was referenced by[^/]*?"\./g, "");
}

if (process.argv[1] && import.meta.url.endsWith(process.argv[1].split("/").at(-1))) {
  const text = await generated();
  if (!process.argv.includes("--check")) await writeFile(target, text);
  else if (text !== (await readFile(target, "utf-8"))) throw new Error("schema.ts is stale: npm run schema");
}
