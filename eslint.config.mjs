import tseslint from "typescript-eslint";

const hosts = [
  { group: ["@jupyterlab/*", "@lumino/*", "@jupyter/*", "react", "react-dom"], message: "A component knows no host." },
  { group: ["@anywidget/*", "anywidget", "@jupyter-widgets/*"], message: "A component knows no host." },
  { group: ["**/widgets/*", "**/lab/*"], message: "schema <- components <- {widgets, lab}: imports go down only." },
];

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
  { files: ["labextension/src/components/**"], rules: { "no-restricted-imports": ["error", { patterns: hosts }] } },
  {
    files: ["labextension/tests/**"],
    rules: { "max-lines-per-function": "off", "no-restricted-syntax": "off" },
  },
);
