"""Which platforms the API serves for what, in one place: every refusal by name reads these lists."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from pydantic import AfterValidator

AIRPLAY = "airplay"
"""Asked for like a platform, served by the radio endpoint (broadcast-groups): the API has no airplay audience."""

TRACK_PLATFORMS: tuple[str, ...] = (
    AIRPLAY, "anghami", "audiomack", "awa", "boomplay", "gaana", "genius", "instagram", "jiosaavn", "lastfm",
    "line-music", "melon", "shazam", "soundcloud", "spotify", "tiktok", "youtube",
)  # fmt: skip
"""Audience of a track. Chart platforms are another list: apple-music, deezer and amazon have charts, no audience."""

ARTIST_PLATFORMS: tuple[str, ...] = (
    AIRPLAY, "amazon", "anghami", "audiomack", "awa", "bandsintown", "bluesky", "boomplay", "deezer", "facebook",
    "gaana", "genius", "instagram", "jiosaavn", "joox", "kkbox", "kuwo", "line-music", "melon", "mixcloud", "netease",
    "patreon", "pinterest", "qq-music", "resident-advisor", "songkick", "soundcloud", "spotify", "tiktok", "twitch",
    "vk", "weibo", "wikipedia", "x", "yandex", "youtube",
)  # fmt: skip
"""Audience (followers and the like) of an artist. Airplay is not among the usual ones: it has to be named."""

LISTENING_PLATFORMS: tuple[str, ...] = ("spotify",)
"""Artist platforms that also bring monthly listeners. Others of that endpoint count other things (youtube: views)."""

LOCAL_FOLLOWERS_PLATFORMS: tuple[str, ...] = ("instagram", "tiktok", "youtube")
"""Artist platforms with followers by city."""

LOCAL_STREAMING_PLATFORMS: tuple[str, ...] = ("spotify",)
"""Artist platforms with listeners by city."""

DEFAULT_TRACK_PLATFORMS: tuple[str, ...] = ("spotify", "youtube", "shazam", AIRPLAY)
DEFAULT_ARTIST_PLATFORMS: tuple[str, ...] = ("spotify", "youtube", "instagram", "tiktok")


TrackPlatforms = Annotated[tuple[str, ...], AfterValidator(lambda codes: served(codes, TRACK_PLATFORMS, "tracks"))]
ArtistPlatforms = Annotated[tuple[str, ...], AfterValidator(lambda codes: served(codes, ARTIST_PLATFORMS, "artists"))]
"""Fields of models that refuse, by name, what is not served."""


def served(codes: Iterable[str], known: tuple[str, ...], things: str) -> tuple[str, ...]:
    """`codes` without repeats, in their order. Raises ValueError that names what is not `known`, and what is.

    things: what the audience is of, for the text (`tracks`, `artists`).
    """
    wanted = tuple(dict.fromkeys(codes))
    refused = [code for code in wanted if code not in known]
    if refused:
        raise ValueError(
            f"the Soundcharts API serves no audience of {things} for {', '.join(map(repr, refused))}; "
            f"it does for {', '.join(known)}"
        )
    return wanted
