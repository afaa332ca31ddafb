import { mutation, query } from "./_generated/server";

export default mutation({ args: {}, handler: async () => "default of mod" });
export const named = query({ args: {}, handler: async () => "named of mod" });
