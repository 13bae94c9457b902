/** What the API answers about a token. */
import { z } from "zod";
import type { NewTokenJson, TokenJson } from "../views.ts";

const time = z.iso.datetime();

const tokenFields = {
  id: z.string().regex(/^t\d+$/),
  name: z.string(),
  roles: z.array(z.string()),
  conversations: z.array(z.string().regex(/^c\d+$/)).nullable(),
  consumers: z.array(z.string()).nullable(),
  methods: z.array(z.string()).nullable(),
  perMinute: z.int().min(0).nullable(),
  createdAt: time,
  expires: time.nullable(),
  lastUsedAt: time.nullable(),
};

export const token: z.ZodType<TokenJson> = z.strictObject(tokenFields);
export const newToken: z.ZodType<NewTokenJson> = z.strictObject({ ...tokenFields, token: z.string() });
