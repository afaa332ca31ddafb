import type { Doc } from "../convex/_generated/dataModel";

export type Category = Doc<"notes">["category"];

export const CATEGORIES: Category[] = ["places", "animals", "weather", "tools"];
