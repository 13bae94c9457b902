/** How a conversation is written down for a person: one entry a message, marks of what became of ours. */
import { printable } from "../../output.ts";

/** What an event or a message says of its content. */
export interface Content {
  readonly text?: unknown;
  readonly file?: unknown;
  readonly [other: string]: unknown;
}

/** `10:15  ada: hello`; further lines of a text stand below its first. */
export function messageText(timestamp: string, who: string, content: Content): string {
  const start = `${clock(timestamp)}  ${printable(who)}: `;
  const [first = "", ...rest] = contentLines(content);
  return [`${start}${first}`, ...rest.map((line) => `${" ".repeat(start.length)}${line}`)].join("\n");
}

/** What becomes of a message of ours; undefined: nobody needs to see it. */
export function markText(type: string, content: Content, reason: unknown): string | undefined {
  const what = excerpt(content);
  switch (type) {
    case "message.published":
      return `       ✓ sent: ${what}`;
    case "message.delivered":
      return `       ✓✓ delivered: ${what}`;
    case "message.failed":
      return `       ✗ failed (${printable(String(reason ?? "unknown"))}): ${what}`;
    default:
      return undefined;
  }
}

const excerptLengthMax = 30;

function excerpt(content: Content): string {
  const [first = ""] = contentLines(content);
  const letters = [...first];
  return letters.length <= excerptLengthMax ? first : `${letters.slice(0, excerptLengthMax).join("")}…`;
}

function contentLines({ text, file }: Content): string[] {
  if (typeof text === "string") return text.split(/\r?\n/).map(printable);
  const name = (file as { name?: unknown } | undefined)?.name;
  return [typeof name === "string" ? `[file ${printable(name)}]` : "[not a text]"];
}

/** In the time zone of whoever reads it. */
function clock(timestamp: string): string {
  return new Date(timestamp).toTimeString().slice(0, 5);
}
