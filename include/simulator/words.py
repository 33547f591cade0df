"""Made-up names for tracks, people, labels and cities' radio stations, in several scripts."""

from __future__ import annotations

from simulator.mixing import chance, mix, pick

_ADJECTIVES = (
    "Paper", "Silver", "Hollow", "Électrique", "Golden", "Quiet", "Broken", "Velvet", "Southern", "Midnight", "Lazy",
    "Neon", "Gentle", "Crimson", "Invisible", "Último", "Wild", "Salty", "Frozen", "Honest", "Blaue", "Distant",
    "Plastic", "Sacred", "Borrowed", "Little", "Weiße", "Loud", "Northern", "Secret", "Empty", "Summer",
)  # fmt: skip
_NOUNS = (
    "Lantern", "River", "Coração", "Heart", "Avenue", "Mirror", "Satellite", "Garden", "Fête", "Thunder", "Letters",
    "Ocean", "Señal", "Machine", "Window", "Fever", "Sommer", "Shadow", "Engine", "Nights", "Promise", "Carousel",
    "Møte", "Highway", "Telephone", "Island", "Wolves", "Ceniza", "Cinema", "Parade", "Winter", "Perfume", "Gravity",
    "Kitchen", "Horizon", "Żar", "Signal", "Balcony", "Tiger", "Cathedral",
)  # fmt: skip
_PHRASES = (
    "Dónde Vas", "夜のランプ", "너의 바다", "Don’t Call", "Je reste là", "Я рядом", "Saudade & Sal", "حلم",
    "Só Mais Um", "Rock & Roll Kitchen", "#1 Fan", "ünlü", "1,000 Miles", "Who's \"There\"?", "=Sum(Love)", "L'été <3",
)  # fmt: skip
_VERSIONS = (" (Acoustic)", " (Live)", " - Remix", " [Deluxe]", " (feat. Nobody)", " Pt. II")
_FIRST = (
    "Ada", "Björn", "Chloé", "Dario", "Elif", "Femi", "Grace", "Hugo", "Inés", "Jonas", "Kaito", "Léa", "Mateo",
    "Noor", "Olu", "Priya", "Quinn", "Rosa", "Søren", "Tariq", "Uma", "Vera", "Wei", "Xavi", "Yara", "Zoë", "João",
    "Łukasz", "Siobhán", "Min-jun",
)  # fmt: skip
_LAST = (
    "Vale", "Okafor", "Lindqvist", "Moreau", "Ferreira", "O'Hara", "Nakamura", "Petrov", "Novák", "Castillo", "Kaya",
    "Bianchi", "Schäfer", "Haddad", "Park", "Iyer", "Mensah", "Dubois", "Wójcik", "Andersen", "Silva", "Yılmaz",
    "Fraser", "Nguyễn", "Costa", "Berg", "Laurent", "Adeyemi", "Rojas", "Sato",
)  # fmt: skip
_BANDS = ("The Knots", "Hermanos Sol", "Glass Animalia", "MC Verão", "DJ Norð", "Orchestre Bleu", "花火", "Les Étoiles")
_LABEL_WORDS = (
    "Harbour",
    "Ninth Floor",
    "Lumière",
    "Tall Tree",
    "Corvo",
    "Static",
    "Blue Door",
    "Kiosk",
    "Måne",
    "Ember",
)
_LABEL_ENDS = ("Records", "Music", "Rec", "Sound", "Disques", "& Sons")
MAJORS = ("Universal", "Sony", "Warner", "Indie")


def track_name(bits: int) -> str:
    """A track's title."""
    if chance(mix(bits, 1), 0.08):
        name = pick(_PHRASES, mix(bits, 2))
    elif chance(mix(bits, 3), 0.3):
        name = pick(_NOUNS, mix(bits, 2))
    else:
        name = f"{pick(_ADJECTIVES, mix(bits, 4))} {pick(_NOUNS, mix(bits, 5))}"
    return name + (pick(_VERSIONS, mix(bits, 6)) if chance(mix(bits, 7), 0.12) else "")


def person_name(bits: int) -> str:
    """A person's name."""
    return f"{pick(_FIRST, mix(bits, 1))} {pick(_LAST, mix(bits, 2))}"


def artist_name(bits: int) -> str:
    """An artist's name: a person, one word, or a band."""
    style = bits % 10
    if style < 5:
        return person_name(bits)
    if style < 7:
        return f"{pick(_FIRST, mix(bits, 1))}{pick(_NOUNS, mix(bits, 2))}"
    if style < 9:
        return f"{pick(_ADJECTIVES, mix(bits, 1))} {pick(_NOUNS, mix(bits, 2))}s"
    return f"{pick(_FIRST, mix(bits, 1))} & {pick(_BANDS, mix(bits, 2))}"


def label_name(bits: int) -> str:
    """A record label's name; a few hundred exist, so tracks share them."""
    return f"{pick(_LABEL_WORDS, mix(bits, 1))} {pick(_LABEL_ENDS, mix(bits, 2))}"


def label_group(name_bits: int) -> str:
    """The group a label belongs to: always the same for one label."""
    return MAJORS[(name_bits >> 9) % len(MAJORS)]


def station_name(bits: int, city: str) -> str:
    """A radio station's name."""
    return f"{pick(('Radio', 'FM', 'Hit', 'Onda', 'Kiss'), mix(bits, 1))} {city} {87 + bits % 20}.{bits % 10}"
