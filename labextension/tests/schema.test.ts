// @vitest-environment node
import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { generated } from "../scripts/generate_schema.mjs";

test("schema.ts is what schema.json says", async () => {
  const committed = await readFile("labextension/src/schema.ts", "utf-8");
  expect(committed, "stale: npm run schema").toBe(await generated());
});
