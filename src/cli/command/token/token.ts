/** `umbrad token …`: only the owner of the daemon makes tokens, so these commands need the unix socket. */
import type { NewTokenJson, TokenJson } from "../../../admin/views.ts";
import { table } from "../../output.ts";
import type { Session } from "../../session.ts";

export interface TokenOptions {
  readonly role: readonly string[];
  readonly conversation?: readonly string[];
  readonly consumer?: readonly string[];
  readonly method?: readonly string[];
  readonly expires?: number;
  readonly rate?: number;
}

export async function create({ admin, output }: Session, name: string, options: TokenOptions): Promise<void> {
  const { role: roles, conversation: conversations, consumer: consumers, method: methods } = options;
  const body = {
    name,
    roles,
    conversations,
    consumers,
    methods,
    expiresInMs: options.expires,
    perMinute: options.rate,
  };
  const made = await (await admin()).post<NewTokenJson>("/v1/tokens", body);
  output.answer(made, made.token);
  output.note(`This is the only time that ${made.id} is shown. Take it back with: umbrad token revoke ${made.name}`);
  const { listen } = await (await admin()).get<{ listen: string | null }>("/v1/status");
  if (listen === null)
    output.note('Nobody can use it yet: the daemon does not listen on TCP ([admin] listen = "127.0.0.1:0").');
}

export async function list({ admin, output }: Session): Promise<void> {
  const answer = await (await admin()).get<{ tokens: TokenJson[] }>("/v1/tokens");
  const head = ["ID", "NAME", "ROLES", "CONVERSATIONS", "CONSUMERS", "METHODS", "RATE", "EXPIRES", "LAST USED"];
  const rows = answer.tokens.map((token) => [
    token.id,
    token.name,
    token.roles.join(","),
    token.conversations?.join(",") ?? "all",
    token.consumers === null ? "all" : token.consumers.join(",") || "none",
    token.methods?.join(",") ?? "all",
    token.perMinute === null ? "-" : `${token.perMinute}/min`,
    token.expires ?? "never",
    token.lastUsedAt ?? "-",
  ]);
  output.answer(answer, rows.length === 0 ? "" : table(head, rows));
  if (rows.length === 0) output.note("There are none yet: umbrad token create NAME --role read");
}

export async function revoke({ admin, output }: Session, name: string): Promise<void> {
  const token = await (await admin()).delete<TokenJson>(`/v1/tokens/${encodeURIComponent(name)}`);
  output.answer(token, `${token.id} (${token.name}) no longer works`);
}
