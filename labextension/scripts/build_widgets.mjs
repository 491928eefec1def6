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
const compressed = gzipSync(module, { level: 9 });

// Z85 of ZeroMQ (rfc.zeromq.org/spec/32): four bytes in five characters that need no escape; base64 takes 7 % more.
const digits = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";

function z85(bytes) {
  const padded = Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)]);
  let text = "";
  for (let at = 0; at < padded.length; at += 4) {
    const value = padded.readUInt32BE(at);
    for (let power = 4; power >= 0; power--) text += digits[Math.floor(value / 85 ** power) % 85];
  }
  return text;
}

const loader = `
const key = Symbol.for("jupyter-workflows:${digest}");
function bytesOf(text, length) {
  const view = new DataView(new ArrayBuffer((text.length / 5) * 4));
  for (let at = 0; at < text.length; at += 5) {
    let value = 0;
    for (const digit of text.slice(at, at + 5)) value = value * 85 + "${digits}".indexOf(digit);
    view.setUint32((at / 5) * 4, value);
  }
  return view.buffer.slice(0, length);
}
async function unpack() {
  const bytes = bytesOf(packed, ${compressed.length});
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
const packed = "${z85(compressed)}";
`;
const style = await readFile(source("../style/components.css"), "utf-8");
await writeFile(new URL("view.js", target), module);
await writeFile(
  new URL("widget.js", target),
  (await transform(loader, { minify: true, target: "es2022", format: "esm" })).code,
);
await writeFile(new URL("widget.css", target), (await transform(style, { loader: "css", minify: true })).code);
