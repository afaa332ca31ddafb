export const lazy = "loaded lazily";
