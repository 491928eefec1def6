// Builds the JupyterLab extension into the Python package: our sources become one module, and JupyterLab's builder adds
// what only we use (Preact and two small packages) and wraps it so that JupyterLab's own packages come from the page.
import { spawnSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const top = new URL("../../", import.meta.url);
const place = name => fileURLToPath(new URL(name, top));
const { jupyterlab, main } = JSON.parse(await readFile(place("package.json"), "utf-8"));

await build({
  entryPoints: [place("labextension/src/lab/index.ts")],
  outfile: place(main),
  bundle: true,
  format: "esm",
  target: "es2022",
  minify: true,
  charset: "utf8",
  legalComments: "none",
  jsx: "automatic",
  jsxImportSource: "preact",
  packages: "external",
  loader: { ".ipynb": "json" },
  logLevel: "warning",
});
const builder = "node_modules/@jupyter/builder/lib/build-labextension.js";
const core = "node_modules/@jupyterlab/core-meta/core.package.json";
const built = spawnSync(process.execPath, [place(builder), "--core-package-file", place(core), place(".")], {
  cwd: place("."),
  encoding: "utf-8",
});
if (built.status !== 0) {
  process.stderr.write(`${built.stdout}${built.stderr}`);
  process.exit(1);
}
console.log(`built ${jupyterlab.outputDir}`);
