/** Tokens for the TCP listener. Only the owner makes them: who has a token cannot make itself another. */
import { z } from "zod";
import { UmbradError } from "../../engine/errors.ts";
import { endpoint } from "../api/endpoint.ts";
import * as schema from "../schema.ts";
import { newToken, token } from "../token/answer.ts";
import type { TokenInfo } from "../token/tokens.ts";
import { rfc3339, type TokenJson } from "../views.ts";

export const create = endpoint({
  id: "createToken",
  summary: "Make a token; its secret is in this answer and nowhere else",
  body: schema.tokenBody,
  status: 201,
  answer: newToken,
  handle({ engine, host, body, methods }) {
    const { name, roles, perMinute, expiresInMs } = body;
    const unknown = (body.methods ?? []).filter((method) => !methods.has(method));
    if (unknown.length > 0) {
      throw new UmbradError("request/invalid", `there is no method ${unknown.join(", ")}`, {
        hint: `methods: ${[...methods].join(", ")}`,
      });
    }
    refuseContradictions(body);
    const conversations = body.conversations?.map((one) => Number(engine.findConversation(one).handle.slice(1)));
    const expiresAtMs = expiresInMs === undefined ? undefined : host.now() + expiresInMs;
    const scope = {
      name,
      roles,
      conversations,
      consumers: body.consumers,
      methods: body.methods,
      perMinute,
      expiresAtMs,
    };
    const { secret, info } = host.tokens.create(scope);
    return { token: secret, ...tokenJson(info) };
  },
});

export const list = endpoint({
  id: "tokens",
  summary: "All tokens and what they are for, without their secrets",
  answer: z.strictObject({ tokens: z.array(token) }),
  handle: ({ host }) => ({ tokens: host.tokens.list().map(tokenJson) }),
});

export const revoke = endpoint({
  id: "revokeToken",
  summary: "Take a token back, at once",
  params: schema.tokenParams,
  answer: token,
  handle: ({ host, params }) => tokenJson(host.tokens.revoke(params.token)),
});

/** Scopes that would promise what they cannot do. */
function refuseContradictions({ roles, conversations, consumers }: schema.TokenBody): void {
  const refuse = (message: string, hint: string): never => {
    throw new UmbradError("request/invalid", message, { hint });
  };
  if ((conversations ?? consumers) !== undefined && roles.includes("admin"))
    refuse("the role admin is about the whole daemon: no conversations or consumers with it", "take read and send");
  if (consumers !== undefined && !roles.includes("read"))
    refuse("a consumer reads: it needs the role read", "add --role read");
  if (consumers !== undefined && conversations !== undefined)
    refuse("a consumer reads all conversations", "let the program keep the seq itself: GET /v1/events?after=SEQ");
}

function tokenJson(info: TokenInfo): TokenJson {
  const time = (ms: number | undefined): string | null => (ms === undefined ? null : rfc3339(ms));
  return {
    id: `t${info.id}`,
    name: info.name,
    roles: info.roles,
    conversations: info.conversations?.map((number) => `c${number}`) ?? null,
    consumers: info.roles.includes("admin") ? null : (info.consumers ?? []),
    methods: info.methods ?? null,
    perMinute: info.perMinute ?? null,
    createdAt: rfc3339(info.createdAtMs),
    expires: time(info.expiresAtMs),
    lastUsedAt: time(info.lastUsedAtMs),
  };
}
