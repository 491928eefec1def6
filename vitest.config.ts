import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["labextension/tests/**/*.test.{ts,tsx}"],
    environment: "jsdom",
    // Two workers are enough, and leave a small machine usable.
    maxWorkers: 2,
    minWorkers: 1,
  },
  esbuild: { jsx: "automatic", jsxImportSource: "preact" },
});
