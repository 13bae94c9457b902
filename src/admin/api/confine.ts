/** Tokens that are for some conversations only. */
import type { EngineApi } from "../../engine/api.ts";
import { UmbradError } from "../../engine/errors.ts";
import type { Call, Caller, Confinement, Endpoint } from "./endpoint.ts";

/** Refuses a call that touches what its token is not for. */
export function checkConfined({ confined }: Endpoint, call: Call<unknown, unknown, unknown>): void {
  const { confinedTo } = call.caller;
  if (confinedTo === undefined || confined === "itself") return;
  if (confined === undefined) throw foreign("this token is for some conversations, and this request is about more");
  refuseForeign(call.engine, confinedTo, nameIn(confined, call));
}

/** Its handle. The same refusal whether there is such a conversation or not: a token tells nothing of what it is not for. */
export function refuseForeign(engine: EngineApi, confinedTo: Confinement, name: string): string {
  let handle: string | undefined;
  try {
    ({ handle } = engine.findConversation(name));
  } catch (error) {
    if (!(error instanceof UmbradError)) throw error;
  }
  if (handle === undefined || !confinedTo(engine).has(handle)) throw foreign("this token is not for that conversation");
  return handle;
}

/**
 * Keys of such a token are kept apart for each of its conversations: they say nothing of the keys of other programs, and
 * take none away from them. A successor has those of the conversation whose place it took: a repetition may come after it.
 * No key of a request can be one of these but by a NUL that nobody writes.
 */
export function confinedKey(engine: EngineApi, { confinedTo }: Caller, conversation: string, key: string): string {
  if (confinedTo === undefined) return key;
  const { handle } = engine.findConversation(conversation);
  return `${confinedTo(engine).get(handle) ?? handle}\u0000${key}`;
}

/** A consumer is somebody's place in the log: who moves it decides what its program never sees. */
export function refuseForeignConsumer({ consumers }: Caller, name: string): void {
  if (consumers?.has(name) !== false) return;
  throw new UmbradError("admin/forbidden", `this token may not be the consumer ${JSON.stringify(name)}`, {
    hint: `a token that may: umbrad token create NAME --role read --consumer ${name}`,
  });
}

function nameIn(
  confined: (call: Call<unknown, unknown, unknown>) => string,
  call: Call<unknown, unknown, unknown>,
): string {
  try {
    return confined(call);
  } catch (error) {
    if (error instanceof UmbradError && error.code === "message/unknown") return "";
    throw error;
  }
}

function foreign(message: string): UmbradError {
  return new UmbradError("admin/forbidden", message, { hint: "umbrad token list shows what a token is for" });
}
