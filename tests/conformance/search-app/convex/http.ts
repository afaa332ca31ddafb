import { httpRouter } from "convex/server";
import { http as search } from "./spots";

const http = httpRouter();
http.route({ path: "/nearest", method: "POST", handler: search });
export default http;
