import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

const { dependencies, jupyterlab } = JSON.parse(readFileSync("package.json", "utf-8")) as {
  dependencies: Record<string, string>;
  jupyterlab: { sharedPackages: Record<string, false> };
};

test("what the extension bundles is not offered to other extensions", () => {
  // JupyterLab's builder shares each dependency with the page unless told otherwise.
  expect(Object.keys(jupyterlab.sharedPackages).sort()).toEqual(Object.keys(dependencies).sort());
  expect(Object.keys(dependencies).filter(name => /^(@jupyterlab|@lumino|react)/.test(name))).toEqual([]);
});
