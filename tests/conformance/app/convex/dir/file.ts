import { mutation, query } from "../_generated/server";

export const fn = mutation({ args: {}, handler: async () => "fn of dir/file" });
export const fnQuery = query({ args: {}, handler: async () => "fnQuery of dir/file" });
