/** The part of the admin API about people. Handlers translate; what happens is the engine's business. */
import type { FastifyInstance } from "fastify";
import { z } from "zod";
import type { ContactApi } from "../../engine/api.ts";
import { type AdminHost, engineOf } from "../host.ts";
import { contactJson, conversationJson, inviteJson } from "../views.ts";

interface NameBody {
  readonly name: string;
}

const word = z.string().min(1).max(255);
const inviteParams: z.ZodType<{ readonly id: string }> = z.strictObject({ id: word });
const contactParams: z.ZodType<{ readonly contact: string }> = z.strictObject({ contact: word });
const requestParams: z.ZodType<{ readonly request: string }> = z.strictObject({ request: word });
const conversationParams: z.ZodType<{ readonly conversation: string }> = z.strictObject({ conversation: word });
const nameBody: z.ZodType<NameBody> = z.strictObject({ name: z.string().min(1).max(255) });

export function defineContactRoutes(app: FastifyInstance, host: AdminHost): void {
  const people = (): ContactApi => engineOf(host).people;

  app.get("/v1/invites", async () => ({ invites: (await people().invites()).map(inviteJson) }));
  app.get<{ Params: { id: string } }>("/v1/invites/:id", { schema: { params: inviteParams } }, async ({ params }) =>
    inviteJson(await people().invite(params.id)),
  );
  app.post<{ Params: { id: string } }>(
    "/v1/invites/:id/revoke",
    { schema: { params: inviteParams } },
    async ({ params }) => inviteJson(await people().revokeInvite(params.id)),
  );

  app.get("/v1/contacts", () => ({ contacts: people().contacts().map(contactJson) }));
  app.get<{ Params: { contact: string } }>(
    "/v1/contacts/:contact",
    { schema: { params: contactParams } },
    ({ params }) => contactJson(people().findContact(params.contact)),
  );
  app.patch<{ Params: { contact: string }; Body: NameBody }>(
    "/v1/contacts/:contact",
    { schema: { params: contactParams, body: nameBody } },
    async ({ params, body }) => contactJson(await people().renameContact(params.contact, body.name)),
  );
  for (const verb of ["block", "unblock"] as const) {
    app.post<{ Params: { contact: string } }>(
      `/v1/contacts/:contact/${verb}`,
      { schema: { params: contactParams } },
      async ({ params }) => contactJson(await people().blockContact(params.contact, verb === "block")),
    );
  }

  app.get("/v1/requests", () => ({ requests: people().requests().map(conversationJson) }));
  for (const verb of ["accept", "reject"] as const) {
    app.post<{ Params: { request: string } }>(
      `/v1/requests/:request/${verb}`,
      { schema: { params: requestParams } },
      async ({ params }) => conversationJson(await people().decideRequest(params.request, verb === "accept")),
    );
  }

  app.get("/v1/conversations", () => ({ conversations: engineOf(host).conversations().map(conversationJson) }));
  app.get<{ Params: { conversation: string } }>(
    "/v1/conversations/:conversation",
    { schema: { params: conversationParams } },
    ({ params }) => conversationJson(engineOf(host).findConversation(params.conversation)),
  );
  app.patch<{ Params: { conversation: string }; Body: NameBody }>(
    "/v1/conversations/:conversation",
    { schema: { params: conversationParams, body: nameBody } },
    async ({ params, body }) => conversationJson(await people().renameConversation(params.conversation, body.name)),
  );
  app.post<{ Params: { conversation: string } }>(
    "/v1/conversations/:conversation/leave",
    { schema: { params: conversationParams } },
    async ({ params }) => conversationJson(await people().leaveConversation(params.conversation)),
  );
}
