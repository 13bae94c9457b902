/** The tables of docs/api.md, made of the table of routes and of the bounds in the code. scripts/generate.ts writes them. */
import type { Access, Route } from "../src/admin/api/endpoint.ts";
import * as limits from "../src/admin/limits.ts";
import { routes } from "../src/admin/routes.ts";
import {
  CONSUMER_HANDOVER_MS,
  CONSUMERS_MAX,
  INVITE_TEXT_BYTES_MAX,
  REMEMBER_MS,
  TEXT_BYTES_MAX,
} from "../src/engine/limits.ts";
import { FILE_BYTES_MAX } from "../src/wire/file-content.ts";

/** Which callers each kind of route lets in. */
const columns: readonly (readonly [string, readonly Access[]])[] = [
  ["none", ["open"]],
  ["`read`", ["open", "token", "read"]],
  ["`send`", ["open", "token", "send"]],
  ["`admin`", ["open", "token", "read", "send", "admin"]],
  ["socket", ["open", "token", "read", "send", "admin", "owner"]],
];

/** Every route, who may call it, and what it is called in a token. */
export function renderRoutes(table: readonly Route[] = routes): string {
  const head = ["route", "method", ...columns.map(([name]) => name), "`--conversation`", "what it does"];
  const rows = table.map(({ method, path, access, endpoint: { id, summary, confined } }) => [
    `\`${method} ${path.replaceAll(/:(\w+)/g, "{$1}")}\``,
    `\`${id}\``,
    ...columns.map(([, opened]) => (opened.includes(access) ? "yes" : "")),
    confined === undefined ? "" : "yes",
    summary,
  ]);
  return tableOf(head, rows);
}

const bounds: readonly (readonly [string, string, string])[] = [
  ["path and headers", size(limits.HEADER_BYTES_MAX), "`request/headers-too-large`"],
  ["a JSON body", size(limits.BODY_BYTES_MAX), "`request/too-large`"],
  ["nesting of JSON", `${limits.BODY_DEPTH_MAX} levels`, "`request/invalid`"],
  ["a text", `${size(TEXT_BYTES_MAX)}, ${size(INVITE_TEXT_BYTES_MAX)} with an invite`, "`message/too-large`"],
  ["a file", `${number(FILE_BYTES_MAX)} bytes`, "`message/too-large`"],
  [
    "connections",
    `${limits.CONNECTIONS_MAX} to each listener`,
    "one without a whole request under way is closed, idle ones first",
  ],
  ["of them streams that follow", `${limits.FOLLOWERS_MAX}`, "`admin/busy`"],
  ["files on their way to a listener", `${limits.UPLOADS_MAX}`, "`admin/busy`"],
  ["requests under way on a connection", `${limits.IN_FLIGHT_MAX}`, "`admin/busy`"],
  ["headers", `in ${seconds(limits.HEADERS_MS_MAX)}`, "`request/timeout`"],
  ["a whole request", `in ${seconds(limits.REQUEST_MS_MAX)}`, "`request/timeout`"],
  ["a connection between requests", seconds(limits.IDLE_MS_MAX), "it is closed"],
  ["an answer of which nothing is taken", seconds(limits.STALLED_MS_MAX), "the connection is cut"],
  ["unsent bytes of a stream", size(limits.UNSENT_BYTES_MAX), "the connection is cut; go on after the last `seq`"],
  ["unsent bytes of all answers of a listener", size(limits.UNSENT_BYTES_IN_ALL_MAX), "who takes least is cut"],
  ["silence of a stream that follows", seconds(limits.KEEP_ALIVE_MS), "an empty line, or a comment in SSE"],
  ["events without `follow`", number(limits.EVENTS_PAGE_MAX), "the answer ends; ask again after the last `seq`"],
  ["messages of a page", number(limits.MESSAGES_PAGE_MAX), "`request/invalid`"],
  ["other lists", number(limits.LIST_MAX), "`request/invalid`"],
  ["consumers", `${CONSUMERS_MAX}`, "`consumer/too-many`"],
  ["a second reader of a consumer", `waits ${seconds(CONSUMER_HANDOVER_MS)}`, "`consumer/busy`"],
  ["tokens", `${limits.TOKENS_MAX}`, "`token/too-many`"],
  ["uses of an invite link", number(limits.INVITE_USES_MAX), "`request/invalid`"],
  ["an idempotency key", `${REMEMBER_MS / 86_400_000} days`, "it is forgotten"],
];

/** Every bound that a caller can meet, and what happens then. */
export function renderLimits(): string {
  return tableOf(["limit", "value", "beyond it"], bounds);
}

/** The page with its tables as they should be. */
export function renderApiPage(page: string): string {
  return page
    .replace(/^\| route \|[\s\S]*?(?=\n\n)/m, () => renderRoutes())
    .replace(/^\| limit \|[\s\S]*?(?=\n\n)/m, () => renderLimits());
}

function tableOf(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => "---"), ...rows]
    .map((cells) => `| ${cells.join(" | ")} |`.replaceAll(/\| {2}(?=\|)/g, "| "))
    .join("\n");
}

function size(bytes: number): string {
  return bytes % (1024 * 1024) === 0 ? `${bytes / (1024 * 1024)} MiB` : `${bytes / 1024} KiB`;
}

function seconds(milliseconds: number): string {
  return `${milliseconds / 1_000} s`;
}

function number(value: number): string {
  return value.toLocaleString("en");
}
