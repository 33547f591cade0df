"""What the API lists as reference: platforms of each kind, countries, cities, the genre tree.

Codes are those of the real API (a client's platform lists must work unchanged); everything else is invented.
"""

from __future__ import annotations

# Song chart platforms in the order in which the API lists them (by name, case-sensitive: iTunes last).
SONG_CHART_PLATFORMS: tuple[tuple[str, str], ...] = (
    ("Airplay", "airplay"), ("Amazon", "amazon"), ("Anghami", "anghami"), ("Apple Music", "apple-music"),
    ("Beatport", "beatport"), ("Boomplay", "boomplay"), ("Deezer", "deezer"), ("Gaana", "gaana"), ("Genius", "genius"),
    ("JioSaavn", "jiosaavn"), ("LINE MUSIC", "line-music"), ("Melon", "melon"), ("NetEase", "netease"),
    ("QQ Music", "qq-music"), ("Shazam", "shazam"), ("SoundCloud", "soundcloud"), ("Spotify", "spotify"),
    ("TIDAL", "tidal"), ("TikTok", "tiktok"), ("YouTube", "youtube"), ("iTunes", "itunes"),
)  # fmt: skip
ALBUM_CHART_PLATFORMS: tuple[tuple[str, str], ...] = (
    ("Apple Music", "apple-music"), ("Deezer", "deezer"), ("iTunes", "itunes"),
)  # fmt: skip

# Charts of these platforms tell a measure beside the position.
CHART_METRICS: dict[str, tuple[str, str]] = {
    "airplay": ("spins", "Spins"),
    "spotify": ("streamcount", "Streams"),
    "youtube": ("viewcount", "Views"),
    "tiktok": ("videocount", "Videos"),
}

# Song audience: platform code -> its share of a track's fame (spotify = 1).
SONG_AUDIENCE: dict[str, float] = {
    "spotify": 1.0, "youtube": 0.6, "shazam": 0.02, "soundcloud": 0.03, "tiktok": 0.001, "instagram": 0.0008,
    "audiomack": 0.02, "genius": 0.002, "gaana": 0.01, "jiosaavn": 0.05, "melon": 0.001, "line-music": 0.004,
    "anghami": 0.01, "lastfm": 0.02, "awa": 0.001, "boomplay": 0.02,
}  # fmt: skip

# Artist audience: platform code -> (share of fame, which counters exist beside followerCount).
ARTIST_AUDIENCE: dict[str, tuple[float, tuple[str, ...]]] = {
    "spotify": (1.0, ()), "instagram": (0.8, ("following", "post")), "youtube": (0.5, ("post", "view")),
    "tiktok": (0.6, ("like", "following")), "facebook": (0.4, ()), "x": (0.3, ("like", "following", "post")),
    "soundcloud": (0.05, ("like", "following")), "deezer": (0.1, ()), "bandsintown": (0.05, ()),
    "songkick": (0.04, ()), "twitch": (0.01, ()), "genius": (0.002, ()), "anghami": (0.02, ()),
    "audiomack": (0.02, ()), "jiosaavn": (0.05, ()), "line-music": (0.01, ()), "boomplay": (0.02, ()),
    "amazon": (0.05, ()), "bluesky": (0.004, ()), "gaana": (0.02, ()), "melon": (0.01, ()), "mixcloud": (0.001, ()),
    "patreon": (0.0005, ()), "pinterest": (0.002, ()), "kkbox": (0.01, ()), "joox": (0.01, ()), "kuwo": (0.01, ()),
    "netease": (0.02, ()), "qq-music": (0.02, ()), "resident-advisor": (0.002, ()), "vk": (0.02, ()),
    "weibo": (0.03, ()), "wikipedia": (0.005, ()), "yandex": (0.02, ()), "awa": (0.001, ()),
}  # fmt: skip

# Artist listening: platform code -> share of fame.
LISTENING: dict[str, float] = {
    "spotify": 2.2, "jiosaavn": 0.1, "pandora": 0.3, "yandex": 0.1, "kugou": 0.2, "youtube": 1.4, "anghami": 0.05,
    "audiomack": 0.04, "lastfm": 0.05,
}  # fmt: skip
LOCAL_FOLLOWERS: tuple[str, ...] = ("instagram", "tiktok", "youtube")
LOCAL_STREAMING: tuple[str, ...] = ("spotify", "youtube")

PLATFORM_NAMES: dict[str, str] = {code: name for name, code in SONG_CHART_PLATFORMS} | {
    "instagram": "Instagram", "facebook": "Facebook", "x": "X", "bandsintown": "Bandsintown", "songkick": "Songkick",
    "twitch": "Twitch", "audiomack": "Audiomack", "bluesky": "Bluesky", "mixcloud": "Mixcloud", "patreon": "Patreon",
    "pinterest": "Pinterest", "kkbox": "KKBOX", "joox": "JOOX", "kuwo": "Kuwo", "resident-advisor": "Resident Advisor",
    "vk": "VK", "weibo": "Weibo", "wikipedia": "Wikipedia", "yandex": "Yandex", "awa": "AWA", "lastfm": "Last.fm",
    "pandora": "Pandora", "kugou": "Kugou", "isrc": "ISRC",
}  # fmt: skip

COUNTRIES: dict[str, str] = {
    "": "Worldwide", "US": "United States", "FR": "France", "GB": "United Kingdom", "DE": "Germany", "BR": "Brazil",
    "JP": "Japan", "MX": "Mexico", "ES": "Spain", "IT": "Italy", "SE": "Sweden", "KR": "South Korea", "IN": "India",
    "NG": "Nigeria", "AU": "Australia", "CA": "Canada", "CI": "Côte d’Ivoire", "TR": "Türkiye", "PL": "Poland",
    "QZ": "United States", "ZA": "South Africa", "AR": "Argentina",
}  # fmt: skip
CHART_COUNTRIES: tuple[str, ...] = tuple(code for code in COUNTRIES if code != "QZ")

# City, region, country, time zone. Two cities bear one name, as in the real lists.
CITIES: tuple[tuple[str, str, str, str], ...] = (
    ("New York", "New York", "US", "America/New_York"), ("New York", "", "US", "America/New_York"),
    ("Los Angeles", "California", "US", "America/Los_Angeles"), ("Chicago", "Illinois", "US", "America/Chicago"),
    ("Houston", "Texas", "US", "America/Chicago"), ("Atlanta", "Georgia", "US", "America/New_York"),
    ("Paris", "Île-de-France", "FR", "Europe/Paris"), ("Lyon", "", "FR", "Europe/Paris"),
    ("Marseille", "", "FR", "Europe/Paris"), ("London", "England", "GB", "Europe/London"),
    ("Manchester", "England", "GB", "Europe/London"), ("Glasgow", "Scotland", "GB", "Europe/London"),
    ("Berlin", "", "DE", "Europe/Berlin"), ("Köln", "Nordrhein-Westfalen", "DE", "Europe/Berlin"),
    ("München", "Bayern", "DE", "Europe/Berlin"), ("São Paulo", "São Paulo", "BR", "America/Sao_Paulo"),
    ("Rio de Janeiro", "", "BR", "America/Sao_Paulo"), ("Tōkyō", "", "JP", "Asia/Tokyo"),
    ("Ōsaka", "", "JP", "Asia/Tokyo"), ("Ciudad de México", "", "MX", "America/Mexico_City"),
    ("Guadalajara", "Jalisco", "MX", "America/Mexico_City"), ("Madrid", "", "ES", "Europe/Madrid"),
    ("Barcelona", "Catalunya", "ES", "Europe/Madrid"), ("Milano", "Lombardia", "IT", "Europe/Rome"),
    ("Roma", "Lazio", "IT", "Europe/Rome"), ("Stockholm", "", "SE", "Europe/Stockholm"),
    ("Göteborg", "", "SE", "Europe/Stockholm"), ("Seoul", "", "KR", "Asia/Seoul"), ("Busan", "", "KR", "Asia/Seoul"),
    ("Mumbai", "Maharashtra", "IN", "Asia/Kolkata"), ("Delhi", "", "IN", "Asia/Kolkata"),
    ("Lagos", "Lagos", "NG", "Africa/Lagos"), ("Abuja", "", "NG", "Africa/Lagos"),
    ("Sydney", "New South Wales", "AU", "Australia/Sydney"), ("Melbourne", "Victoria", "AU", "Australia/Melbourne"),
    ("Toronto", "Ontario", "CA", "America/Toronto"), ("Montréal", "Québec", "CA", "America/Toronto"),
    ("Abidjan", "", "CI", "Africa/Abidjan"), ("İstanbul", "", "TR", "Europe/Istanbul"),
    ("Ankara", "", "TR", "Europe/Istanbul"), ("Warszawa", "", "PL", "Europe/Warsaw"),
    ("Kraków", "", "PL", "Europe/Warsaw"), ("Johannesburg", "Gauteng", "ZA", "Africa/Johannesburg"),
    ("Cape Town", "", "ZA", "Africa/Johannesburg"), ("Buenos Aires", "", "AR", "America/Argentina/Buenos_Aires"),
    ("Córdoba", "", "AR", "America/Argentina/Buenos_Aires"), ("Córdoba", "Andalucía", "ES", "Europe/Madrid"),
    ("Valencia", "", "ES", "Europe/Madrid"), ("Perth", "", "AU", "Australia/Perth"),
    ("Vancouver", "British Columbia", "CA", "America/Vancouver"),
)  # fmt: skip

GENRES: dict[str, tuple[str, ...]] = {
    "pop": ("pop", "art pop", "dance pop", "synth-pop", "k-pop"),
    "hip-hop & rap": ("rap", "trap", "drill", "hip-hop & rap"),
    "rock": ("rock", "indie rock", "hard rock", "punk"),
    "electronic": ("electronic", "house", "techno", "drum & bass"),
    "r&b": ("r&b", "neo soul", "funk"),
    "latin": ("latin", "reggaeton", "bachata", "música mexicana"),
    "alternative": ("alternative", "shoegaze", "bedroom pop"),
    "african": ("afrobeats", "amapiano", "coupé-décalé"),
    "country": ("country", "americana"),
    "folk": ("folk", "singer-songwriter"),
    "jazz": ("jazz", "bossa nova"),
    "classical": ("classical", "soundtrack"),
    "asian": ("j-pop", "city pop", "bollywood"),
    "metal": ("metal", "metalcore"),
    "reggae": ("reggae", "dub", "dancehall"),
    "others": (),
}
LANGUAGES: tuple[str, ...] = ("en", "es", "fr", "pt", "ko", "ja", "de", "it", "ar", "")
DISTRIBUTORS: tuple[str, ...] = ("Universal", "Sony", "Warner", "Kiosk Digital", "Others", "")
LABEL_TYPES: tuple[str, ...] = ("Universal", "Sony", "Warner", "Indie")
LYRICS_ATTRIBUTES: tuple[str, ...] = ("Themes", "Moods", "Narrative Style", "Emotional Intensity")
CAREER_STAGES: tuple[str, ...] = ("superstar", "mainstream", "mid_level", "developing", "long_tail")
GROWTH_LEVELS: tuple[str, ...] = ("high", "moderate", "stable", "declining")
