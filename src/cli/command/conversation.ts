/** `umbrad conversation …`. */
import type { ConversationJson, ExpiryView } from "../../admin/views.ts";
import { durationText, parseDuration } from "../duration.ts";
import { fieldLines, table } from "../output.ts";
import type { Session } from "../session.ts";

export async function list({ admin, output }: Session): Promise<void> {
  const answer = await (await admin()).get<{ conversations: ConversationJson[] }>("/v1/conversations");
  const rows = answer.conversations.map(({ handle, name, type, peer, createdAt, standing, state }) => [
    handle,
    name ?? "-",
    type,
    peer ?? "-",
    createdAt,
    standing === "accepted" ? state : standing,
  ]);
  output.answer(answer, rows.length === 0 ? "" : table(["HANDLE", "NAME", "TYPE", "PEER", "CREATED", "STATE"], rows));
  if (rows.length === 0) output.note("There are none yet: umbrad invite create, or umbrad invite accept LINK");
  if (answer.conversations.some(isUnanswered)) output.note(`unanswered: ${unanswered}`);
}

export async function show({ admin, output }: Session, conversation: string): Promise<void> {
  const answer = await (await admin()).get<ConversationJson>(pathOf(conversation));
  output.answer(answer, conversationText(answer));
  if (isUnanswered(answer)) output.note(`unanswered: ${unanswered}`);
}

export async function rename({ admin, output }: Session, conversation: string, name: string): Promise<void> {
  const answer = await (await admin()).patch<ConversationJson>(pathOf(conversation), { name });
  output.answer(answer, conversationText(answer));
}

export async function leave({ admin, output }: Session, conversation: string): Promise<void> {
  const answer = await (await admin()).post<ConversationJson>(`${pathOf(conversation)}/leave`);
  output.answer(answer, `left ${answer.handle}`);
}

/** The peer is not told, and keeps what it has: the wire has no word for it. */
export async function expire({ admin, output }: Session, conversation: string, age?: string): Promise<void> {
  const path = `${pathOf(conversation)}/expiry`;
  const client = await admin();
  const afterMs = age === undefined || age === "off" ? null : parseDuration(age);
  const answer =
    age === undefined ? await client.get<ExpiryView>(path) : await client.patch<ExpiryView>(path, { afterMs });
  const { conversation: handle, afterMs: keptMs } = answer;
  output.answer(
    answer,
    keptMs === null
      ? `${handle} keeps its messages as long as retention.messages says`
      : `${handle} deletes the content of messages after ${durationText(keptMs)}, on this side only`,
  );
}

function pathOf(conversation: string): string {
  return `/v1/conversations/${encodeURIComponent(conversation)}`;
}

/** Nobody tells who came second that a link was used up. */
const unanswered =
  "nobody has answered there yet. They may be away, or somebody else has used the link before, or it was revoked: if it " +
  "stays so, ask for a new link";

function isUnanswered({ standing, state }: ConversationJson): boolean {
  return standing === "accepted" && state === "unanswered";
}

function conversationText({ handle, name, type, id, peer, createdAt, standing, state }: ConversationJson): string {
  return fieldLines([
    ["handle", handle],
    ["name", name ?? "-"],
    ["type", type],
    ["id", id],
    ["peer", peer ?? "-"],
    ["created", createdAt],
    ["standing", standing],
    ["state", state],
  ]);
}
