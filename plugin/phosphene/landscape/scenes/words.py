"""The words of captions: for every value of an attribute, what people call it."""

STYLE_NOUNS = {  # "<noun> of a red house"
    "flat": (
        "flat illustration",
        "flat drawing",
        "vector illustration",
        "flat vector drawing",
        "minimalist flat picture",
    ),
    "ink": ("ink sketch", "ink drawing", "pen and ink drawing", "black ink sketch", "pen drawing"),
    "pixel": (
        "pixel art picture",
        "pixel art scene",
        "8-bit pixel image",
        "pixelated picture",
        "retro pixel scene",
    ),
    "mosaic": ("mosaic", "tile mosaic", "mosaic picture", "tiled picture", "stone mosaic"),
    "watercolour": (
        "watercolour",
        "watercolour painting",
        "watercolor painting",
        "watercolor",
        "soft watercolour",
    ),
    "neon": ("neon picture", "neon drawing", "glowing neon picture", "neon light picture", "neon sign"),
}
STYLE_ENDS = {  # "a red house, <end>"
    "flat": ("flat style", "flat design", "vector art", "flat vector", "minimalist"),
    "ink": ("ink sketch", "drawn in ink", "pen and ink", "ink", "sketched with a pen"),
    "pixel": ("pixel art", "8-bit pixel art", "as pixel art", "8 bit", "pixelated", "like an old video game"),
    "mosaic": ("mosaic", "mosaic tiles", "as a mosaic", "made of tiles", "tiled"),
    "watercolour": ("watercolour", "painted in watercolour", "watercolor", "aquarelle"),
    "neon": ("neon", "neon lights", "in glowing neon lines", "neon glow", "neon outlines"),
}
TIME_PLACES = {  # "a red house <place>"
    "day": (
        "by day",
        "during the day",
        "in daylight",
        "in the daytime",
        "at noon",
        "in the afternoon",
        "at midday",
        "in broad daylight",
    ),
    "dawn": (
        "at dawn",
        "at sunrise",
        "in the early morning",
        "in the morning light",
        "at daybreak",
        "early in the morning",
        "as the sun comes up",
        "at first light",
    ),
    "sunset": (
        "at sunset",
        "at dusk",
        "in the evening",
        "in the evening light",
        "in the late evening",
        "as the sun goes down",
        "at twilight",
        "in the glow of the evening",
    ),
    "night": (
        "at night",
        "by night",
        "in the dark",
        "late at night",
        "after dark",
        "at midnight",
        "in the middle of the night",
    ),
}
TIME_ADJECTIVES = {
    "day": ("daytime", "daylight", "midday", "noon", "afternoon"),
    "dawn": ("sunrise", "dawn", "morning", "early morning", "daybreak"),
    "sunset": ("sunset", "evening", "dusk", "twilight", "sundown"),
    "night": ("night", "nighttime", "midnight", "nocturnal"),
}
LAND_PLACES = {
    "meadow": (
        "in a green meadow",
        "on the grass",
        "in a meadow",
        "in green fields",
        "in a grassy field",
        "on a green hill",
        "in the countryside",
    ),
    "snow": (
        "in the snow",
        "in a snowy landscape",
        "on a snowy field",
        "in winter snow",
        "in winter",
        "on snowy hills",
        "on snow-covered ground",
        "surrounded by snow",
    ),
    "desert": (
        "in the desert",
        "in a sandy desert",
        "among desert dunes",
        "on the sand dunes",
        "in dry desert sand",
    ),
    "sea": (
        "on the sea",
        "at sea",
        "on the ocean",
        "on the water",
        "in the open sea",
        "on the waves",
        "out on the ocean",
    ),
    "beach": (
        "on the beach",
        "on a sandy beach",
        "by the seaside",
        "on the shore",
        "at the coast",
        "on a sandy shore",
        "at the seaside",
    ),
    "forest": (
        "in the forest",
        "in the woods",
        "in a forest clearing",
        "among the trees of a forest",
        "deep in the woods",
        "in a dark wood",
    ),
    "town": (
        "in the town",
        "in a city",
        "on a town square",
        "in front of city houses",
        "in the city",
        "in a village street",
        "before a city skyline",
        "downtown",
    ),
}
LAND_NOUNS = {
    "meadow": ("meadow", "green meadow", "grassland", "grass field", "countryside", "green hills"),
    "snow": ("snow", "snowy landscape", "winter landscape", "winter", "snowy field", "snow-covered land"),
    "desert": ("desert", "sandy desert", "dunes", "sand dunes", "desert landscape"),
    "sea": ("sea", "ocean", "open sea", "water", "open ocean", "seascape"),
    "beach": ("beach", "sandy beach", "shore", "coast", "seaside", "sandy shore"),
    "forest": ("forest", "woods", "woodland", "wood", "forest clearing"),
    "town": ("town", "city", "city skyline", "village", "skyline", "city street"),
}
WEATHER_PLACES = {
    "clear": (
        "under a clear sky",
        "under a cloudless sky",
        "in clear weather",
        "in good weather",
        "in fine weather",
    ),
    "cloudy": (
        "under a cloudy sky",
        "with clouds in the sky",
        "with clouds overhead",
        "on a cloudy day",
        "under an overcast sky",
        "under clouds",
    ),
    "rain": (
        "in the rain",
        "on a rainy day",
        "while it rains",
        "in pouring rain",
        "in wet weather",
        "in a rain shower",
    ),
    "snowfall": (
        "in falling snow",
        "while it snows",
        "with snow falling",
        "in a snowfall",
        "with snowflakes in the air",
        "in a snowstorm",
    ),
    "fog": ("in the fog", "in thick fog", "in the mist", "on a foggy day", "in dense mist", "in the haze"),
}
KINDS: dict[str, tuple[tuple[str, str], ...]] = {  # one, and several
    "house": (
        ("house", "houses"), ("house", "houses"), ("cottage", "cottages"), ("home", "homes"),
        ("cabin", "cabins"), ("hut", "huts"),
    ),
    "castle": (
        ("castle", "castles"), ("castle", "castles"), ("stone castle", "stone castles"),
        ("fortress", "fortresses"),
    ),
    "lighthouse": (
        ("lighthouse", "lighthouses"), ("lighthouse", "lighthouses"), ("light house", "light houses"),
        ("beacon", "beacons"),
    ),
    "windmill": (("windmill", "windmills"), ("windmill", "windmills"), ("mill", "mills")),
    "tent": (("tent", "tents"), ("tent", "tents"), ("camping tent", "camping tents"), ("camp", "camps")),
    "igloo": (("igloo", "igloos"), ("igloo", "igloos"), ("ice hut", "ice huts")),
    "pyramid": (("pyramid", "pyramids"), ("pyramid", "pyramids"), ("stone pyramid", "stone pyramids")),
    "boat": (
        ("boat", "boats"), ("sailboat", "sailboats"), ("sailing boat", "sailing boats"), ("ship", "ships"),
        ("sailing ship", "sailing ships"), ("yacht", "yachts"),
    ),
    "balloon": (
        ("balloon", "balloons"), ("hot air balloon", "hot air balloons"),
        ("hot-air balloon", "hot-air balloons"),
    ),
    "tree": (
        ("tree", "trees"), ("tree", "trees"), ("leafy tree", "leafy trees"),
        ("broadleaf tree", "broadleaf trees"),
    ),
    "pine": (("pine", "pines"), ("pine tree", "pine trees"), ("fir tree", "fir trees"), ("fir", "firs")),
    "palm": (("palm", "palms"), ("palm tree", "palm trees")),
    "cactus": (("cactus", "cacti"), ("cactus", "cactuses"), ("saguaro", "saguaros")),
    "snowman": (("snowman", "snowmen"),),
    "campfire": (("campfire", "campfires"), ("fire", "fires"), ("bonfire", "bonfires")),
    "whale": (("whale", "whales"), ("whale", "whales"), ("big whale", "big whales")),
}  # fmt: skip
COUNTS = {
    1: ("a", "one", "a single"),
    2: ("two", "a pair of", "2", "two"),
    3: ("three", "3", "three", "a group of three"),
    4: ("four", "4"),
}
NO_ARTICLE = ("snow", "woods", "dunes", "woodland", "grassland", "hills", "water", "winter")
SUN = (
    "with the sun in the sky",
    "under the sun",
    "with the sun shining",
    "with a bright sun",
    "in the sunshine",
)
MOON = (
    "under the moon",
    "with the moon in the sky",
    "with a full moon above",
    "in the moonlight",
    "under a bright moon",
)
MOUNTAINS = (
    "with mountains behind",
    "in front of mountains",
    "with mountains in the background",
    "below snowy peaks",
    "with a mountain range behind",
    "with peaks far away",
)
ASIDES = ("little", "small", "old", "lonely", "pretty", "beautiful", "tiny")  # they name no label
