import tseslint from "typescript-eslint";

const jupyterlab = ["@jupyterlab/*", "@lumino/*", "@jupyter/*"];
const react = { group: ["react", "react-dom"], message: "Our views are Preact's; JupyterLab's React is its own." };
const anywidget = ["@anywidget/*", "anywidget", "@jupyter-widgets/*"];
const layers = "schema <- components <- {widgets, lab}: imports go down only.";
const imports = (folder, patterns) => ({
  files: [`labextension/src/${folder}/**`],
  rules: { "no-restricted-imports": ["error", { patterns: [react, ...patterns] }] },
});

export default tseslint.config(
  { ignores: ["labextension/src/schema.ts", "**/*.mjs"] },
  ...tseslint.configs.strict,
  {
    rules: {
      "@typescript-eslint/no-non-null-assertion": "off",
      "no-console": "error",
      "no-eval": "error",
      "no-implied-eval": "error",
      // What comes from a workflow becomes text nodes, never markup.
      "no-restricted-syntax": [
        "error",
        {
          selector: "MemberExpression[property.name=/^(innerHTML|outerHTML|insertAdjacentHTML|srcdoc)$/]",
          message: "Use text nodes.",
        },
        { selector: "JSXAttribute[name.name='dangerouslySetInnerHTML']", message: "Use text nodes." },
        {
          selector: "CallExpression[callee.property.name=/^(write|writeln|createContextualFragment|parseFromString)$/]",
          message: "Use text nodes.",
        },
      ],
      complexity: ["error", 14],
      "max-lines": ["error", 600],
      "max-lines-per-function": ["error", { max: 60, skipComments: true }],
    },
  },
  imports("components", [
    { group: [...jupyterlab, ...anywidget], message: "A component knows no host." },
    { group: ["**/widgets/*", "**/lab/*"], message: layers },
  ]),
  imports("widgets", [{ group: [...jupyterlab, "**/lab/*"], message: layers }]),
  imports("lab", [{ group: [...anywidget, "**/widgets/*"], message: layers }]),
  {
    files: ["labextension/tests/**"],
    rules: { "max-lines-per-function": "off", "no-restricted-syntax": "off" },
  },
);
