export { Lakewire } from "./lakewire.js";
export type { Architecture, Domain, LakewireProps, RelayMode } from "./props.js";
