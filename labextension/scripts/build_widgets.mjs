// Bundles the anywidget host with the shared components, and the style sheet, into the Python package.
//
// anywidget sends a module's whole text with each widget. So what it sends is a small loader with the module in it,
// compressed, which a page unpacks and runs once however many widgets it shows. `view.js` is the module as it is.
import { createHash } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build, transform } from "esbuild";

const target = new URL("../../jupyter_workflows/widgets/static/", import.meta.url);
const source = name => fileURLToPath(new URL(name, import.meta.url));
await mkdir(target, { recursive: true });

const built = await build({
  entryPoints: [source("../src/widgets/widget.tsx")],
  bundle: true,
  write: false,
  format: "esm",
  target: "es2022",
  minify: true,
  charset: "utf8",
  legalComments: "none",
  jsx: "automatic",
  jsxImportSource: "preact",
  logLevel: "warning",
});
const module = Buffer.from(built.outputFiles[0].contents);
const digest = createHash("sha256").update(module).digest("hex").slice(0, 16);
const loader = `
const key = Symbol.for("jupyter-workflows:${digest}");
async function unpack() {
  const bytes = Uint8Array.from(atob(packed), character => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const text = await new Response(stream).blob();
  const url = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
  try {
    return await import(url);
  } catch (error) {
    delete globalThis[key];
    throw error;
  } finally {
    URL.revokeObjectURL(url);
  }
}
export default {
  async render(context) {
    const view = await (globalThis[key] ??= unpack());
    return view.default.render(context);
  },
};
const packed = "${gzipSync(module, { level: 9 }).toString("base64")}";
`;
const style = await readFile(source("../style/components.css"), "utf-8");
await writeFile(new URL("view.js", target), module);
await writeFile(
  new URL("widget.js", target),
  (await transform(loader, { minify: true, target: "es2022", format: "esm" })).code,
);
await writeFile(new URL("widget.css", target), (await transform(style, { loader: "css", minify: true })).code);
