/** A real admin server on a real unix socket in front of a MemoryEngine, and a raw caller that may say anything. */
import { mkdtemp, rm } from "node:fs/promises";
import { type IncomingHttpHeaders, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { type StreamPace, streamPace } from "../../../src/admin/event-stream.ts";
import type { TcpPlace } from "../../../src/admin/location.ts";
import { type AdminServer, startAdminServer } from "../../../src/admin/server.ts";
import { loadConfig } from "../../../src/daemon/config/config.ts";
import { RunningConfig } from "../../../src/daemon/config/running-config.ts";
import { createLog, type DaemonLog } from "../../../src/daemon/log/log.ts";
import type { EngineApi } from "../../../src/engine/api.ts";
import type { Log, LogFields, TokenTable } from "../../../src/engine/ports.ts";
import { MemoryEngine } from "../engine/memory-engine.ts";
import { testMetrics } from "../engine/test-metrics.ts";
import { checkAnswer } from "./answer-schemas.ts";
import { memoryTokens } from "./token-table.ts";

export interface AdminFixture {
  readonly engine: MemoryEngine;
  readonly server: AdminServer;
  readonly stateDir: string;
  readonly socketPath: string;
  /** Everything logged, as JSON lines. */
  readonly logged: string[];
  /** The log that an operator reads and sets: it writes into `logged` too. */
  readonly log: DaemonLog;
  /** What the process says it is; tests change it. */
  readonly identity: { version: string };
  /** What the host says; tests change it. */
  readonly host: { engine: EngineApi | undefined; draining: boolean; stopRequests: number; onStop: () => void };
}

export async function startAdminFixture(
  t: TestContext,
  options: { pace?: Partial<StreamPace>; requestMs?: number; tcp?: TcpPlace; tokenTable?: TokenTable } = {},
): Promise<AdminFixture> {
  const stateDir = await mkdtemp(join(tmpdir(), "umbrad-admin-"));
  const socketPath = join(stateDir, "admin.sock");
  const engine = new MemoryEngine();
  const logged: string[] = [];
  const log = createLog({ level: "info", format: "json" }, { write: (line) => logged.push(line.trimEnd()) });
  const read = () => loadConfig({ flags: {}, env: {}, file: { path: join(stateDir, "config.toml"), required: false } });
  const config = new RunningConfig(read(), read, log);
  config.follow({ apply: (next) => log.configure(next.log) });
  const identity = { name: "test-node", version: "0.0.0-test", pid: 4711, startedAtMs: engine.nowMs };
  const host: AdminFixture["host"] = { engine, draining: false, stopRequests: 0, onStop: () => {} };
  const server = await startAdminServer(
    {
      engine: () => host.engine,
      draining: () => host.draining,
      identity,
      requestStop: () => {
        host.stopRequests += 1;
        host.onStop();
      },
      rekey: () => Promise.resolve(),
      backUp: async (directory) => ({
        file: `${directory}/umbrad-20261122T100000Z.db`,
        bytes: 4_096,
        ms: 12,
        schema: 1,
        sealed: true,
        conversations: 1,
        messages: 2,
        events: 3,
      }),
      now: () => engine.nowMs,
      tokens: memoryTokens(() => engine.nowMs, options.tokenTable),
      metrics: testMetrics(() => host.engine),
      log: collectingLog(logged),
      operator: { log, reload: () => config.reload("api") },
    },
    {
      socketPath,
      tcp: options.tcp,
      pace: { ...streamPace, ...options.pace },
      ...(options.requestMs === undefined ? {} : { requestMs: options.requestMs }),
    },
  );
  t.after(async () => {
    await server.stopAccepting();
    await server.close();
    await rm(stateDir, { recursive: true, force: true });
  });
  return { engine, server, stateDir, socketPath, logged, log, host, identity };
}

export interface RawAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly json: Record<string, unknown>;
}

/** Without the client's manners: any header, any body. */
export function call(socketPath: string, method: string, path: string, options: CallOptions = {}): Promise<RawAnswer> {
  return callAt({ socketPath }, method, path, options);
}

/** The same to the TCP listener. */
export function callTcp(port: number, method: string, path: string, options: CallOptions = {}): Promise<RawAnswer> {
  return callAt({ host: "127.0.0.1", port }, method, path, options);
}

interface CallOptions {
  readonly headers?: Record<string, string>;
  readonly body?: string | Uint8Array;
}

function callAt(
  place: { socketPath: string } | { host: string; port: number },
  method: string,
  path: string,
  options: CallOptions,
): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const content = options.body === undefined ? {} : { "content-type": "application/json" };
    const sent = request({ ...place, method, path, headers: { ...content, ...options.headers }, agent: false });
    sent.on("error", reject).on("response", (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        text += chunk;
      });
      response.on("error", reject).on("end", () => {
        const isJson = /^application\/(?:problem\+)?json/.test(response.headers["content-type"] ?? "");
        const json = isJson && text !== "" ? JSON.parse(text) : {};
        if (isJson) checkAnswer(method, path, response.statusCode ?? 0, json);
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text, json });
      });
    });
    sent.end(options.body);
  });
}

function collectingLog(lines: string[]): Log {
  const write =
    (level: string) =>
    (fields: LogFields, message: string): void => {
      lines.push(JSON.stringify({ level, ...fields, msg: message }));
    };
  return { debug: write("debug"), info: write("info"), warn: write("warn"), error: write("error") };
}
