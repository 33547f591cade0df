// One artist: metadata, positions of the tracks, audience, tracks.

import { get, part, subject } from "./api.js";
import { byId, fill, h } from "./dom.js";
import { audience, genres, positions } from "./entity.js";
import { dated, day, fromNow, number, shift, time, today, words } from "./format.js";
import { artistLink, chartLink, facts, failure, load, paged, table, trackLink } from "./ui.js";

const own = `artists/${part(subject)}/`;

function show(artist) {
  document.title = `${artist.name} · Chartline`;
  fill("name", artist.name || "unnamed artist");
  fill(
    "by",
    h("span.soft", {}, [artist.type, artist.city_name, artist.country_code].filter(Boolean).map(words).join(", ")),
  );
  fill(
    "facts",
    artist.metadata_at === null && h("p.note", {}, "Its metadata has not been fetched yet."),
    facts([
      ["Genres", genres(artist.genres)],
      ["Career", artist.career_stage && words(artist.career_stage)],
      ["Growth", artist.growth_level && words(artist.growth_level)],
      ["Gender", artist.gender],
      ["Born", artist.birth_date && dated(artist.birth_date, artist.birth_date_precision)],
      ["ISNI", artist.isni],
      ["IPI", artist.ipi],
      ["Tracks stored", number(artist.tracks)],
      ["Metadata", artist.metadata_at && `${fromNow(artist.metadata_at)}, ${time(artist.metadata_at)} UTC`],
    ]),
    artist.biography && [h("h3", {}, "Biography"), h("p.text", {}, artist.biography)],
  );
}

const stood = () =>
  load("positions", async () => {
    const { items } = await get(`${own}positions/`, {
      from: shift(today(), -Number(byId("span").elements.days.value)),
    });
    return [
      positions(items, "Best position of any track on the followed charts"),
      items.length > 0 &&
        table(
          "Charts with tracks of this artist",
          [
            { name: "Chart", cell: (one) => chartLink(one.chart, one.name) },
            { name: "Best", kind: "number", cell: (one) => number(one.best) },
            { name: "Days", kind: "number", cell: (one) => number(one.days) },
            { name: "Last", cell: (one) => day(one.last_day) },
          ],
          items,
        ),
    ];
  });

const tracks = paged(
  "tracks",
  `${own}tracks/`,
  () => ({}),
  (items) =>
    table(
      "Tracks",
      [
        { name: "Track", cell: (one) => trackLink(one.uuid, one.name) },
        {
          name: "Artists",
          cell: (one) =>
            one.artists.flatMap(({ uuid, name }, i) => [
              i ? ", " : "",
              uuid === subject ? name : artistLink(uuid, name),
            ]),
        },
        { name: "Released", cell: (one) => dated(one.release_date, one.release_date_precision) },
        { name: "ISRC", cell: (one) => one.isrc ?? "–" },
      ],
      items,
    ),
  { limit: 25, none: "No track of this artist is stored." },
);

try {
  show(await get(own));
  stood();
  audience("artists", ({ platforms }) =>
    platforms.flatMap(({ platform, metrics }) =>
      metrics.map(({ metric, points }) => ({
        title: `${platform}, ${words(metric)}`,
        parts: [{ name: words(metric), points }],
      })),
    ),
  ).draw();
  tracks.draw();
  byId("span").addEventListener("change", stood);
} catch (error) {
  for (const section of document.querySelectorAll("main section")) section.hidden = true;
  fill("by", failure(error));
}
