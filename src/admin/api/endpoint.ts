/** What a route of the admin API is made of. Fastify's route, the OpenAPI document and the check of tokens all read it. */
import type { FastifyReply, FastifyRequest } from "fastify";
import type { z } from "zod";
import type { EngineApi } from "../../engine/api.ts";
import type { StreamPace } from "../event-stream.ts";
import type { AdminHost } from "../host.ts";

/** What a token may be for. */
export type Role = "read" | "send" | "admin";

/**
 * Who may call: everybody who reaches the listener, every token, tokens of a role (`admin` has all of them), or only the
 * owner, who comes through the unix socket.
 */
export type Access = "open" | "token" | Role | "owner";

/**
 * What a token for some conversations may see by now: those, and what has taken their place. Handles, each with the
 * token's own conversation that it is or has succeeded. Asked anew whenever it matters: it grows.
 */
export type Confinement = (engine: Pick<EngineApi, "successorsOf">) => ReadonlyMap<string, string>;

/** Who calls. On the unix socket that is the owner; over TCP it is who has a token. */
export interface Caller {
  /** Of its token, for logs; undefined: the owner. */
  readonly tokenId: string | undefined;
  /** The only conversations that it may see; undefined: all of them. */
  readonly confinedTo: Confinement | undefined;
  /** Names of the only consumers that it may be; undefined: any. */
  readonly consumers: ReadonlySet<string> | undefined;
  /** Its streams end then: the token was revoked, or has expired. */
  readonly until: AbortSignal | undefined;
}

/** What outlives one request: streams to end and stop requests to answer when the daemon is done. */
export interface OpenAnswers {
  readonly streamsEnd: AbortSignal;
  readonly pace: StreamPace;
  /** Where the TCP listener is; null without one. */
  tcp(): string | null;
  /** The answer is written by `AdminServer.close`, when everything is on disk and the lock is free. */
  answerWhenStopped(reply: FastifyReply): void;
}

export interface Call<Params, Query, Body> {
  readonly params: Params;
  readonly query: Query;
  readonly body: Body;
  readonly caller: Caller;
  readonly host: AdminHost;
  /** Throws `daemon/starting` or `daemon/draining` when there is none. */
  readonly engine: EngineApi;
  readonly open: OpenAnswers;
  /** The ids of all endpoints. */
  readonly methods: ReadonlySet<string>;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
}

export interface Endpoint<Params = unknown, Query = unknown, Body = unknown, Answer = unknown> {
  /** Stable: the operationId, the name of the method in a token, and a label of metrics. */
  readonly id: string;
  /** One line for people. */
  readonly summary: string;
  readonly params?: z.ZodType<Params>;
  readonly query?: z.ZodType<Query>;
  /** `bytes`: application/octet-stream. */
  readonly body?: z.ZodType<Body> | "bytes";
  /** 200 unless said otherwise. */
  readonly status?: number;
  /** What is no JSON: a stream of events, bytes, lines of Prometheus. */
  readonly answer: z.ZodType<Answer> | "events" | "bytes" | "metrics" | "log";
  /**
   * For tokens that are confined to conversations: which one is touched (handle, name or id), or `itself` when the
   * handler looks after it. Without it they are refused.
   */
  readonly confined?: ((call: Call<Params, Query, Body>) => string) | "itself";
  /** `undefined` when it has answered by itself. */
  handle(call: Call<Params, Query, Body>): Answer | undefined | Promise<Answer | undefined>;
}

/** Checks a declaration, and forgets what its handler takes: it is given what its own schemas let through. */
export function endpoint<Params, Query, Body, Answer>(declared: Endpoint<Params, Query, Body, Answer>): Endpoint {
  return declared as unknown as Endpoint;
}

/** A line of the table in `routes.ts`. */
export interface Route {
  readonly method: string;
  /** In Fastify's form: `/v1/messages/:id`. */
  readonly path: string;
  readonly access: Access;
  readonly endpoint: Endpoint;
}

/** `"GET /path": [access, endpoint]`, in the order of the table. */
export function routeTable(lines: Readonly<Record<string, readonly [Access, Endpoint]>>): readonly Route[] {
  return Object.entries(lines).map(([place, [access, declared]]) => {
    const [method = "", path = ""] = place.split(" ");
    return { method, path, access, endpoint: declared };
  });
}

/** What the table has for a path: `GET`, `POST`. */
export function methodsOn(routes: readonly Route[], path: string): string[] {
  const parts = path.split("/");
  return routes.filter((route) => isOn(route.path.split("/"), parts)).map(({ method }) => method);
}

/** Of the same method, with the same last word, on other paths: what who guesses a path most likely means. */
export function namesakesOf(routes: readonly Route[], method: string, path: string): string[] {
  const lastOf = (of: string): string | undefined => of.split("/").at(-1);
  const namesakes = routes.filter((route) => route.method === method && lastOf(route.path) === lastOf(path));
  return namesakes.map((route) => `${method} ${route.path.replaceAll(/:(\w+)/g, "{$1}")}`);
}

function isOn(pattern: readonly string[], parts: readonly string[]): boolean {
  return pattern.length === parts.length && pattern.every((part, at) => part.startsWith(":") || part === parts[at]);
}
