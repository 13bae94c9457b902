/**
 * The listeners of the admin API: the unix socket, and perhaps a loop-back TCP port for whoever has a token. Listening
 * and stopping only. The caller holds the state lock, which is what makes a left-over socket file ours to remove.
 */
import { once } from "node:events";
import { chmod, rm } from "node:fs/promises";
import { Server } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { FastifyInstance, FastifyReply } from "fastify";
import { UmbradError } from "../engine/errors.ts";
import { createApp } from "./api/app.ts";
import type { OpenAnswers } from "./api/endpoint.ts";
import { Gate } from "./api/gate.ts";
import { serveRoutes } from "./api/serve.ts";
import { openDirectoryTo, openSocketTo } from "./api/socket-group.ts";
import { Connections } from "./connection/connections.ts";
import { type StreamPace, streamPace } from "./event-stream.ts";
import type { AdminHost } from "./host.ts";
import { LEAVE_MS_MAX, REQUEST_MS_MAX } from "./limits.ts";
import { API_VERSION, checkSocketPath, type TcpPlace } from "./location.ts";
import { routes } from "./routes.ts";

export interface AdminServer {
  readonly socketPath: string;
  /** Where the TCP listener is: with the port that it has got. */
  readonly tcp: string | null;
  /** Loop-back only; callers there need a token, so the store must be open. */
  openTcp(place: TcpPlace): Promise<void>;
  /** First step of a stop: no new connection, streams end. Requests under way may finish. */
  stopAccepting(): Promise<void>;
  /** Last step, when everything is on disk: answers whoever asked for the stop. */
  close(): Promise<void>;
}

export interface AdminServerOptions {
  readonly socketPath: string;
  /** Loop-back only; callers there need a token. */
  readonly tcp?: TcpPlace | undefined;
  /** A listening socket of a service manager in the place of one of our own: who may use it is the manager's business. */
  readonly inheritedFd?: number | undefined;
  /** Opens the socket to a group of the machine; it must not be inside the state directory then. */
  readonly group?: { readonly name: string; readonly stateDir: string } | undefined;
  readonly pace?: StreamPace;
  readonly requestMs?: number;
}

export async function startAdminServer(host: AdminHost, options: AdminServerOptions): Promise<AdminServer> {
  const { socketPath, tcp, group, inheritedFd } = options;
  if (inheritedFd === undefined) checkSocketPath(socketPath);
  const streams = new AbortController();
  const stopCallers: FastifyReply[] = [];
  let address: string | null = null;
  const open: OpenAnswers = {
    tcp: () => address,
    streamsEnd: streams.signal,
    pace: options.pace ?? streamPace,
    answerWhenStopped(reply) {
      reply.hijack();
      stopCallers.push(reply);
    },
  };
  const local = listener(host, open, "unix", options);
  if (inheritedFd === undefined) await listenOnSocket(local, socketPath, group);
  else await listenOnInherited(local, inheritedFd);
  const apps = [local];
  let lastLeft: Promise<void> | undefined;
  const server: AdminServer = {
    socketPath,
    get tcp() {
      return address;
    },
    async openTcp(place) {
      const remote = listener(host, open, "tcp", options);
      apps.push(remote);
      address = await listenOnTcp(remote, place);
    },
    async stopAccepting() {
      streams.abort();
      // Node closes idle connections with the listener and takes the socket file away.
      for (const app of apps) if (app !== local || inheritedFd === undefined) app.server.close();
      if (inheritedFd === undefined) await rm(socketPath, { force: true });
      else lastLeft ??= closeListener(local);
    },
    async close() {
      for (const reply of stopCallers) answerStopped(reply.raw);
      await Promise.all(stopCallers.map(({ raw }) => finished(raw)));
      if (lastLeft !== undefined) await Promise.race([lastLeft, sleep(LEAVE_MS_MAX)]);
      for (const app of apps) app.server.closeAllConnections();
      await Promise.all(apps.map((app) => app.close()));
    },
  };
  if (tcp !== undefined) await openTcpOrClose(server, tcp, local);
  return server;
}

/**
 * Further callers wait in the inherited socket for the next daemon. Who was let in and has not asked yet is answered;
 * resolves when the last of them has left.
 */
function closeListener({ server }: FastifyInstance): Promise<void> {
  // That of HTTP would hang up on them.
  return new Promise((resolve) => Server.prototype.close.call(server, () => resolve()));
}

async function openTcpOrClose(server: AdminServer, place: TcpPlace, local: FastifyInstance): Promise<void> {
  try {
    await server.openTcp(place);
  } catch (error) {
    await local.close();
    throw error;
  }
}

/** Each has connections of its own: who comes over TCP takes no place from the owner. */
function listener(
  host: AdminHost,
  open: OpenAnswers,
  transport: "unix" | "tcp",
  options: AdminServerOptions,
): FastifyInstance {
  const requestMs = options.requestMs ?? REQUEST_MS_MAX;
  const { metrics } = host;
  const gate = new Gate(transport === "unix" ? undefined : host.tokens);
  const connections = new Connections(host.log, (count) => metrics.clients(transport, count));
  const onAnswered = (method: string, status: number, seconds: number): void =>
    metrics.answered(method, status, seconds);
  const app = createApp(host, { gate, connections, routes, requestMs, stalledMs: open.pace.stalledMs, onAnswered });
  serveRoutes({ app, host, open, connections, callerOf: (request) => gate.callerOf(request) }, routes);
  return app;
}

async function listenOnSocket(app: FastifyInstance, path: string, group: AdminServerOptions["group"]): Promise<void> {
  try {
    if (group !== undefined) await openDirectoryTo(group.name, path, group.stateDir);
    // Under the state lock a file in this place is what a killed daemon left.
    await rm(path, { force: true });
    await app.listen({ path });
    // umask 077 alone gives 0700.
    await chmod(path, 0o600);
    if (group !== undefined) await openSocketTo(group.name, path);
  } catch (error) {
    await app.close();
    if (error instanceof UmbradError) throw error;
    throw cannotListen(path, "give another place: --socket PATH", error);
  }
}

/** Not by `app.listen`: that would open a TCP port of localhost beside a descriptor. */
async function listenOnInherited(app: FastifyInstance, fd: number): Promise<void> {
  await app.ready();
  try {
    const listening = once(app.server, "listening");
    app.server.listen({ fd });
    await listening;
  } catch (error) {
    await app.close();
    throw cannotListen(`the inherited descriptor ${fd}`, "does a socket unit with ListenStream= start it?", error);
  }
}

async function listenOnTcp(app: FastifyInstance, place: TcpPlace): Promise<string> {
  const { host, port } = place;
  try {
    await app.listen({ host, port });
    const address = app.server.address();
    const bound = typeof address === "object" && address !== null ? address.port : port;
    return `${host.includes(":") ? `[${host}]` : host}:${bound}`;
  } catch (error) {
    await app.close();
    throw cannotListen(`${host} port ${port}`, "choose another port under [admin] listen, or 0 for any", error);
  }
}

function cannotListen(where: string, hint: string, cause: unknown): UmbradError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new UmbradError("admin/cannot-listen", `cannot listen on ${where}: ${reason}`, { hint, cause });
}

function answerStopped(raw: FastifyReply["raw"]): void {
  if (raw.destroyed) return;
  raw.writeHead(200, { "content-type": "application/json", "umbrad-api": API_VERSION, connection: "close" });
  raw.end(JSON.stringify({ stopped: true }));
}

function finished(raw: FastifyReply["raw"]): Promise<void> {
  return new Promise((resolve) => {
    if (raw.destroyed || raw.writableFinished) resolve();
    else raw.once("finish", resolve).once("close", resolve);
  });
}
