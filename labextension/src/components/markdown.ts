// Markdown as DOM nodes, made one by one: no markup is ever parsed, so nothing in the text can become an element of
// its own choosing. Works piece by piece, for text that a model is still writing.

import * as smd from "streaming-markdown";
import { printable, safeAddress } from "./untrusted";

const TAGS: Record<number, string> = {
  [smd.PARAGRAPH]: "p",
  [smd.HEADING_1]: "h3",
  [smd.HEADING_2]: "h4",
  [smd.HEADING_3]: "h5",
  [smd.HEADING_4]: "h6",
  [smd.HEADING_5]: "h6",
  [smd.HEADING_6]: "h6",
  [smd.CODE_BLOCK]: "pre",
  [smd.CODE_FENCE]: "pre",
  [smd.CODE_INLINE]: "code",
  [smd.ITALIC_AST]: "em",
  [smd.ITALIC_UND]: "em",
  [smd.STRONG_AST]: "strong",
  [smd.STRONG_UND]: "strong",
  [smd.STRIKE]: "s",
  [smd.LINK]: "a",
  [smd.RAW_URL]: "a",
  // An image would tell its server who reads: its text is shown in its place.
  [smd.IMAGE]: "span",
  [smd.BLOCKQUOTE]: "blockquote",
  [smd.LINE_BREAK]: "br",
  [smd.RULE]: "hr",
  [smd.LIST_UNORDERED]: "ul",
  [smd.LIST_ORDERED]: "ol",
  [smd.LIST_ITEM]: "li",
  [smd.CHECKBOX]: "span",
  [smd.TABLE]: "table",
  [smd.TABLE_ROW]: "tr",
  [smd.TABLE_CELL]: "td",
};
const DEEPEST = 24;

/** Where the next node goes; below the deepest level everything stays on it. */
interface Place {
  nodes: Element[];
  depth: number;
}

function renderer(root: Element): smd.Renderer<Place> {
  return {
    data: { nodes: [root], depth: 0 },
    add_token(place, token) {
      if (token === smd.DOCUMENT) return;
      place.depth++;
      const parent = place.nodes.at(-1)!;
      if (place.depth > DEEPEST) {
        place.nodes.push(parent);
        return;
      }
      const made = document.createElement(TAGS[token] ?? "span");
      if (token === smd.IMAGE) made.className = "jwl-image";
      if (token === smd.CHECKBOX) made.textContent = "☐ ";
      parent.append(made);
      place.nodes.push(made);
    },
    end_token(place) {
      if (place.nodes.length > 1) place.nodes.pop();
      place.depth = Math.max(0, place.depth - 1);
    },
    add_text(place, text) {
      place.nodes.at(-1)!.append(printable(text));
    },
    set_attr(place, attribute, value) {
      const node = place.nodes.at(-1)!;
      if (attribute === smd.CHECKED) node.textContent = "☑ ";
      if (attribute === smd.HREF && node instanceof HTMLAnchorElement) link(node, value);
      if (attribute === smd.START && node instanceof HTMLOListElement && /^\d{1,6}$/.test(value)) node.start = +value;
    },
  };
}

/** A link whose address a reader sees before following it; only web and mail addresses are links at all. */
function link(node: HTMLAnchorElement, address: string): void {
  const safe = safeAddress(address);
  if (!safe) return;
  node.href = safe;
  node.title = safe;
  node.target = "_blank";
  node.rel = "noopener noreferrer nofollow";
  node.referrerPolicy = "no-referrer";
}

/** What begins as a JSON object does is data: its stars and underscores mean themselves. */
const DATA = /^\s*\{/;

/** Markdown, or data as it stands, that is written piece by piece into an element. */
export class MarkdownWriter {
  private parser: smd.Parser | null = null;
  private data: Element | null = null;

  constructor(private readonly root: Element) {
    root.replaceChildren();
  }

  add(piece: string): void {
    if (!this.parser && !this.data && !this.begin(piece)) return;
    if (this.data) this.data.append(printable(piece));
    else smd.parser_write(this.parser!, piece);
  }

  end(): void {
    if (this.parser) smd.parser_end(this.parser);
  }

  /** Looks what it is; a blank piece says nothing. */
  private begin(piece: string): boolean {
    if (!piece.trim()) return false;
    if (DATA.test(piece)) {
      this.data = document.createElement("pre");
      this.root.append(this.data);
    } else this.parser = smd.parser(renderer(this.root));
    return true;
  }
}

/** Shows Markdown in an element. */
export function renderMarkdown(root: Element, text: string): void {
  const writer = new MarkdownWriter(root);
  writer.add(text);
  writer.end();
}
