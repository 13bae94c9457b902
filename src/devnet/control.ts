/**
 * The fault laboratory's own door: HTTP and JSON on a unix socket that only the owner of the state directory can open.
 * Translates between it and the running node; decides nothing.
 */
import { chmodSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { join } from "node:path";
import type { Devnet } from "./node.ts";
import { DevnetError } from "./state-dir.ts";

/** What may be asked to change, in this order; nothing is changed when a part of it is refused. */
export interface FaultChange {
  readonly reset?: boolean;
  readonly seed?: number;
  readonly set?: readonly { readonly name: string; readonly value: string }[];
  /** Each knob of `set` strikes only so many times. */
  readonly next?: number;
  /** Each knob of `set` lets so many pass first. */
  readonly after?: number;
  /** Cuts every connection now. */
  readonly cut?: boolean;
}

/** The door, open. */
export interface Control {
  readonly path: string;
  close(): Promise<void>;
}

/** The callers' API version, said with every answer: the same client speaks to the daemon. */
const apiVersion = "1";

/** `sockaddr_un.sun_path` less its final zero. */
const socketPathBytesMax = 107;

const bodyBytesMax = 64 * 1024;

/** Opens the door in a state directory that the caller holds the lock of. Undefined where its path is too long for a socket. */
export async function openControl(devnet: Devnet, stateDir: string): Promise<Control | undefined> {
  const path = join(stateDir, "faults.sock");
  if (Buffer.byteLength(path) > socketPathBytesMax) return undefined;
  // Left over by a node that was killed: the lock says that nobody listens there.
  rmSync(path, { force: true });
  const server = createServer((request, response) => {
    void answer(devnet, request, response);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, resolve);
  });
  chmodSync(path, 0o600);
  return { path, close: () => closeServer(server) };
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

/** Never rejects: a caller's fault and ours each have an answer. */
async function answer(devnet: Devnet, request: IncomingMessage, response: ServerResponse): Promise<void> {
  try {
    const route = `${request.method} ${request.url}`;
    if (route === "GET /v1/status") send(response, 200, statusOf(devnet));
    else if (route === "GET /v1/faults") send(response, 200, faultsOf(devnet));
    else if (route === "POST /v1/faults") {
      change(devnet, parseChange(await readBody(request)));
      send(response, 200, faultsOf(devnet));
    } else send(response, 404, { code: "request/no-such-route", message: `a devnet has no ${route}` });
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : "unknown";
    if (cause instanceof DevnetError) send(response, 400, { code: "request/invalid", message });
    else send(response, 500, { code: "internal/bug", message });
  }
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { "content-type": "application/json", "umbrad-api": apiVersion, connection: "close" });
  response.end(`${JSON.stringify(body)}\n`);
}

function statusOf(devnet: Devnet): object {
  const { multiaddr, websocketMultiaddr, peerId, clusterId, shards, population, counters, faults } = devnet;
  const { archived, filterPushes: pushed } = counters;
  return {
    ...{ multiaddr, websocketMultiaddr, peerId, clusterId, shards },
    ...population,
    ...{ archived, pushed },
    ...{ counters, faults: faults.list(), struck: faults.struck() },
  };
}

function faultsOf({ faults }: Devnet): object {
  return { seed: faults.seed, faults: faults.list() };
}

function change(devnet: Devnet, { reset, seed, set = [], next, after, cut }: FaultChange): void {
  const { faults } = devnet;
  for (const { name, value } of set) faults.check(name, value, { next, after });
  if (reset === true) faults.reset();
  if (seed !== undefined) faults.reseed(seed);
  for (const { name, value } of set) faults.set(name, value, { next, after });
  if (cut === true) devnet.disconnectAll();
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.byteLength;
    if (bytes > bodyBytesMax) throw new DevnetError("devnet/bad-option", "the request is too large");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function parseChange(body: string): FaultChange {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch (cause) {
    throw new DevnetError("devnet/bad-option", "the request is not JSON", cause);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new DevnetError("devnet/bad-option", "not a JSON object");
  const { reset, seed, set, next, after, cut, ...unknown } = value as Readonly<Record<string, unknown>>;
  const names = Object.keys(unknown);
  if (names.length > 0) throw new DevnetError("devnet/bad-option", `unknown: ${names.join(", ")}`);
  const isFlag = (flag: unknown): flag is boolean | undefined => flag === undefined || typeof flag === "boolean";
  const isCount = (count: unknown): count is number | undefined => count === undefined || Number.isSafeInteger(count);
  if (!isFlag(reset) || !isFlag(cut) || !isCount(seed) || !isCount(next) || !isCount(after) || !isSettings(set)) {
    throw new DevnetError(
      "devnet/bad-option",
      "reset, cut: booleans; seed, next, after: whole numbers; set: names and values",
    );
  }
  return {
    ...(reset === undefined ? {} : { reset }),
    ...(seed === undefined ? {} : { seed }),
    ...(set === undefined ? {} : { set }),
    ...(next === undefined ? {} : { next }),
    ...(after === undefined ? {} : { after }),
    ...(cut === undefined ? {} : { cut }),
  };
}

function isSettings(set: unknown): set is FaultChange["set"] {
  if (set === undefined) return true;
  return (
    Array.isArray(set) &&
    set.every((entry: unknown) => {
      const { name, value } = (entry ?? {}) as { readonly name?: unknown; readonly value?: unknown };
      return typeof name === "string" && typeof value === "string";
    })
  );
}
