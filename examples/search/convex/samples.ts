type Sample = { title: string; body: string; category: "places" | "animals" | "weather" | "tools" };

/** What a new deployment starts with. */
export const SAMPLES: Sample[] = [
  { title: "Tarn below the ridge", body: "Clear water, deep on the north side. The shore is stony, and nobody comes here before noon.", category: "places" },
  { title: "Ford at the old mill", body: "The brook is knee-deep after dry weeks. After two days of rain, walk on to the bridge.", category: "places" },
  { title: "Summit of Grey Peak", body: "Four hours of climbing from the hut. The last slope is loose; keep to the left.", category: "places" },
  { title: "Birch wood", body: "Good ground for a tent, out of the wind, and dead branches enough for a fire.", category: "places" },
  { title: "Heron at dawn", body: "Stood in the reeds for an hour and caught three perch. Flew off when the ferry came.", category: "animals" },
  { title: "Pike under the jetty", body: "As long as my arm. Does not move for anything, and then it does.", category: "animals" },
  { title: "Swallows are back", body: "Two pairs under the roof of the boathouse, nine days earlier than last year.", category: "animals" },
  { title: "First frost", body: "Minus two in the morning. The bay was frozen along the edge and free again by ten.", category: "weather" },
  { title: "Thunder from the west", body: "Twenty minutes from the first cloud to the downpour. Off the water in time, but wet.", category: "weather" },
  { title: "Fog until noon", body: "One could not see the end of the jetty. Compass all the way across.", category: "weather" },
  { title: "Sharpening the axe", body: "File first, then the fine stone with water. The blade should shave the hair of an arm.", category: "tools" },
  { title: "Canoe repair", body: "Pine resin and fat, melted together, spread hot over the seam. Held for two summers.", category: "tools" },
  { title: "The small stove", body: "Boils a kettle in six minutes with birch bark and twigs. Coffee before anybody else is up.", category: "tools" },
];
