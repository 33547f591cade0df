"""The endpoint table: path, version, batch size and cost of every call that Chartline makes.

The version in a path selects the shape of the answer and each endpoint has its own: paths are kept literal.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from chartline.errors import BadInput


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`path` holds `{entity}` and `{facet}`; `batch` is how many uuids go in one call, as a comma list.

    `page_limit` is the largest page that can be asked, 0 where the answer is not a list. Calls of a `free`
    endpoint are not billed.
    """

    name: str
    path: str
    batch: int = 1
    page_limit: int = 100
    free: bool = False

    def fill(self, entity: str = "", facet: str = "") -> str:
        """The path with both parts quoted so that they stay one segment each; commas between uuids are kept.

        Raises `BadInput` for a part that is missing, or that would climb in the path (`.` and `..`).
        """
        for part, value in (("entity", entity), ("facet", facet)):
            if f"{{{part}}}" in self.path and value in ("", ".", ".."):
                raise BadInput(f"{value!r} cannot be the {part} of a call of {self.name}.", field=part)
        if entity.count(",") >= self.batch:
            raise BadInput(f"A call of {self.name} takes at most {self.batch} at once.", field="entity")
        return self.path.format(entity=quote(entity, safe=","), facet=quote(facet, safe=""))


SONG_PLATFORMS = Endpoint("song_platforms", "/api/v2/chart/song/platforms")
CHARTS_BY_PLATFORM = Endpoint("charts_by_platform", "/api/v2/chart/song/by-platform/{entity}")
RANKING_LATEST = Endpoint("ranking_latest", "/api/v2.14/chart/song/{entity}/ranking/latest")
RANKING_AT = Endpoint("ranking_at", "/api/v2.14/chart/song/{entity}/ranking/{facet}")
AVAILABLE_RANKINGS = Endpoint("available_rankings", "/api/v2/chart/song/{entity}/available-rankings")
SONG = Endpoint("song", "/api/v2.25/song/{entity}", batch=10, page_limit=0)
ARTIST = Endpoint("artist", "/api/v2.9/artist/{entity}", batch=10, page_limit=0)
SONG_AUDIENCE = Endpoint("song_audience", "/api/v2/song/{entity}/audience/{facet}")
SONG_BROADCAST_GROUPS = Endpoint("song_broadcast_groups", "/api/v2/song/{entity}/broadcast-groups")
ARTIST_BROADCAST_GROUPS = Endpoint("artist_broadcast_groups", "/api/v2/artist/{entity}/broadcast-groups")
ARTIST_AUDIENCE = Endpoint("artist_audience", "/api/v2/artist/{entity}/audience/{facet}")
ARTIST_LISTENING = Endpoint("artist_listening", "/api/v2/artist/{entity}/streaming/{facet}/listening")
ARTIST_LOCAL_FOLLOWERS = Endpoint("artist_local_followers", "/api/v2.37/artist/{entity}/social/{facet}/followers/")
ARTIST_LOCAL_STREAMING = Endpoint("artist_local_streaming", "/api/v2/artist/{entity}/streaming/{facet}")
SOCIAL_PLATFORMS = Endpoint("social_platforms", "/api/v2/referential/platforms/social")
STREAMING_PLATFORMS = Endpoint("streaming_platforms", "/api/v2/referential/platforms/streaming")
TEAM_USAGE = Endpoint("team_usage", "/api/v2/team/usage", page_limit=0, free=True)

ENDPOINTS: dict[str, Endpoint] = {
    endpoint.name: endpoint
    for endpoint in (
        SONG_PLATFORMS,
        CHARTS_BY_PLATFORM,
        RANKING_LATEST,
        RANKING_AT,
        AVAILABLE_RANKINGS,
        SONG,
        ARTIST,
        SONG_AUDIENCE,
        SONG_BROADCAST_GROUPS,
        ARTIST_BROADCAST_GROUPS,
        ARTIST_AUDIENCE,
        ARTIST_LISTENING,
        ARTIST_LOCAL_FOLLOWERS,
        ARTIST_LOCAL_STREAMING,
        SOCIAL_PLATFORMS,
        STREAMING_PLATFORMS,
        TEAM_USAGE,
    )
}
