/** `umbrad conversation …`. */
import type { ConversationJson } from "../../admin/views.ts";
import { table } from "../output.ts";
import type { Session } from "../session.ts";

export async function list({ admin, output }: Session): Promise<void> {
  const answer = await (await admin()).get<{ conversations: ConversationJson[] }>("/v1/conversations");
  const rows = answer.conversations.map(({ handle, name, type, peer, createdAt }) => [
    handle,
    name ?? "-",
    type,
    peer ?? "-",
    createdAt,
  ]);
  output.answer(answer, rows.length === 0 ? "" : table(["HANDLE", "NAME", "TYPE", "PEER", "CREATED"], rows));
  if (rows.length === 0) output.note("There are none yet: umbrad invite create, or umbrad invite accept LINK");
}
