import { defineApp } from "convex/server";
import part from "./part/convex.config";

const app = defineApp();
app.use(part, { name: "left" });
app.use(part, { name: "right" });
export default app;
