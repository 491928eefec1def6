// Text from workflows, models and files, made visible and bounded. It always ends as a text node or canvas text.

// Controls but tab and newline, zero-width and directional marks, separators, tags, lone surrogates.
const INVISIBLE =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]|\udb40[\udc00-\udfff]/g;
const STACKED =
  /([\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]{4})[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]+/g;

function escaped(character: string): string {
  const code = character.codePointAt(0)!;
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u${code.toString(16).padStart(4, "0")}`;
}

/** The text with everything invisible written as an escape, at most about `limit` characters of it. */
export function printable(text: unknown, limit = 20_000): string {
  const source = typeof text === "string" ? text : String(text ?? "");
  const shown = source.slice(0, limit).replace(INVISIBLE, escaped).replace(STACKED, "$1");
  const rest = source.length - limit;
  return rest > 0 ? `${shown}… (+${rest.toLocaleString("en")} characters)` : shown;
}

/** The text as `printable` gives it, on one line. */
export function oneLine(text: unknown, limit = 160): string {
  const source = typeof text === "string" ? text : String(text ?? "");
  const flat = printable(
    source
      .slice(0, 2 * limit)
      .replace(/\s+/g, " ")
      .trim(),
    2 * limit,
  );
  return flat.length <= limit && source.length <= 2 * limit ? flat : `${flat.slice(0, limit - 1)}…`;
}

const SCHEMES = new Set(["http:", "https:", "mailto:"]);

/** The address where it is one that a reader may follow; null for any other scheme or form. */
export function safeAddress(address: string): string | null {
  try {
    const url = new URL(address);
    return SCHEMES.has(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}
