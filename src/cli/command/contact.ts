/** `umbrad contact …`. */
import type { ContactJson, ConversationJson } from "../../admin/views.ts";
import { fieldLines, table } from "../output.ts";
import type { Session } from "../session.ts";

export async function list({ admin, output }: Session): Promise<void> {
  const answer = await (await admin()).get<{ contacts: ContactJson[] }>("/v1/contacts");
  const rows = answer.contacts.map(({ name, address, conversations, blocked, verified }) => [
    name ?? "-",
    address,
    conversations.join(" ") || "-",
    [verified ? "verified" : "", blocked ? "blocked" : ""].filter(Boolean).join(" "),
  ]);
  output.answer(answer, rows.length === 0 ? "" : table(["NAME", "ADDRESS", "CONVERSATIONS", ""], rows));
  if (rows.length === 0) output.note("There are none yet: umbrad invite create, or umbrad invite accept LINK");
}

export async function show({ admin, output }: Session, contact: string): Promise<void> {
  const answer = await (await admin()).get<ContactJson>(pathOf(contact));
  output.answer(answer, contactText(answer));
}

export async function rename({ admin, output }: Session, contact: string, name: string): Promise<void> {
  const answer = await (await admin()).patch<ContactJson>(pathOf(contact), { name });
  output.answer(answer, contactText(answer));
}

export async function block({ admin, output }: Session, contact: string, verb: "block" | "unblock"): Promise<void> {
  const answer = await (await admin()).post<ContactJson>(`${pathOf(contact)}/${verb}`);
  output.answer(answer, contactText(answer));
}

export async function requests({ admin, output }: Session): Promise<void> {
  const answer = await (await admin()).get<{ requests: ConversationJson[] }>("/v1/requests");
  const rows = answer.requests.map(({ handle, peer, createdAt }) => [handle, peer ?? "-", createdAt]);
  output.answer(answer, rows.length === 0 ? "" : table(["REQUEST", "ADDRESS", "CREATED"], rows));
  output.note(
    rows.length === 0
      ? "Nobody waits for a decision."
      : "umbrad history REQUEST shows what they say, umbrad contact accept REQUEST lets you answer",
  );
}

export async function decide({ admin, output }: Session, request: string, verb: "accept" | "reject"): Promise<void> {
  const answer = await (await admin()).post<ConversationJson>(`/v1/requests/${encodeURIComponent(request)}/${verb}`);
  output.answer(answer, verb === "accept" ? answer.handle : `${answer.handle} rejected`);
}

function pathOf(contact: string): string {
  return `/v1/contacts/${encodeURIComponent(contact)}`;
}

function contactText({ name, address, blocked, verified, conversations }: ContactJson): string {
  return fieldLines([
    ["name", name ?? "-"],
    ["address", address],
    ["verified", verified ? "yes: the safety numbers were compared" : "no"],
    ["blocked", blocked ? "yes" : "no"],
    ["conversations", conversations.join(" ") || "-"],
  ]);
}
