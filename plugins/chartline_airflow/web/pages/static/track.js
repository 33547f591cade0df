// One track: metadata, positions on followed charts, audience.

import { get, part, subject } from "./api.js";
import { byId, fill, h } from "./dom.js";
import { audience, genres, positions } from "./entity.js";
import { dated, day, duration, fromNow, number, shift, time, today } from "./format.js";
import { artistLink, chartLink, facts, failure, load, table } from "./ui.js";

const own = `tracks/${part(subject)}/`;
const share = (value) => (value === null ? null : value.toFixed(2));

function show(track) {
  document.title = `${track.name} · Chartline`;
  fill("name", track.name || "unnamed track");
  fill(
    "by",
    track.artists.length
      ? track.artists.flatMap(({ uuid, name, role }, i) => [
          i ? ", " : "",
          artistLink(uuid, name),
          role === "main" ? "" : h("small", {}, ` ${role}`),
        ])
      : (track.credit_name ?? ""),
  );
  const people = (role) =>
    track.credits
      .filter((one) => one.role === role)
      .map(({ name }) => name)
      .join(", ");
  fill(
    "facts",
    track.metadata_at === null && h("p.note", {}, "Its metadata has not been fetched yet."),
    facts([
      ["Released", track.release_date && dated(track.release_date, track.release_date_precision)],
      ["Length", track.duration && duration(track.duration)],
      ["ISRC", track.isrc],
      ["ISWC", track.iswcs?.join(", ")],
      ["Genres", genres(track.genres)],
      ["Labels", track.labels.map(({ name, type }) => `${name} (${type})`).join(", ")],
      ["Distributor", track.distributor],
      ["Composers", people("composer")],
      ["Producers", people("producer")],
      ["Language", track.language_code],
      ["Explicit", track.explicit === null ? null : track.explicit ? "yes" : "no"],
      ["Tempo", track.tempo && `${number(track.tempo)} bpm`],
      ["Danceability", share(track.danceability)],
      ["Energy", share(track.energy)],
      ["Acousticness", share(track.acousticness)],
      ["Valence", share(track.valence)],
      ["Copyright", track.copyright],
      ["Metadata", track.metadata_at && `${fromNow(track.metadata_at)}, ${time(track.metadata_at)} UTC`],
    ]),
  );
}

const stood = () =>
  load("positions", async () => {
    const { items } = await get(`${own}positions/`, {
      from: shift(today(), -Number(byId("span").elements.days.value)),
    });
    return [
      positions(items),
      items.length > 0 &&
        table(
          "Charts with this track",
          [
            { name: "Chart", cell: (one) => chartLink(one.chart, one.name) },
            { name: "Best", kind: "number", cell: (one) => number(one.best) },
            { name: "Days", kind: "number", cell: (one) => number(one.days) },
            { name: "First", cell: (one) => day(one.first_day) },
            { name: "Last", cell: (one) => day(one.last_day) },
          ],
          items,
        ),
    ];
  });

const airplay = ({ airplay: found }) =>
  found?.windows.length
    ? table(
        "Radio",
        [
          { name: "From", cell: (one) => day(one.from) },
          { name: "To", cell: (one) => day(one.to) },
          { name: "Plays", kind: "number", cell: (one) => number(one.plays) },
          { name: "Stations", kind: "number", cell: (one) => number(one.stations) },
        ],
        found.windows,
      )
    : null;

try {
  show(await get(own));
  stood();
  audience(
    "tracks",
    ({ platforms }) =>
      platforms
        .filter(({ points }) => points.length)
        .map(({ platform, points }) => ({ title: platform, parts: [{ name: platform, points }] })),
    (answer) => [answer.airplay?.windows.length > 0 && h("h3", {}, "Airplay"), airplay(answer)],
  ).draw();
  byId("span").addEventListener("change", stood);
} catch (error) {
  for (const section of document.querySelectorAll("main section")) section.hidden = true;
  fill("by", failure(error));
}
