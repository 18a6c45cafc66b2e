"""The words of captions: for every value of an attribute, what people call it."""

STYLE_NOUNS = {  # "<noun> of a red house"
    "flat": ("flat illustration", "flat drawing", "vector illustration"),
    "ink": ("ink sketch", "ink drawing", "pen and ink drawing"),
    "pixel": ("pixel art picture", "pixel art scene", "8-bit pixel image"),
    "mosaic": ("mosaic", "tile mosaic", "mosaic picture"),
    "watercolour": ("watercolour", "watercolour painting", "watercolor painting"),
    "neon": ("neon picture", "neon drawing", "glowing neon picture"),
}
STYLE_ENDS = {  # "a red house, <end>"
    "flat": ("flat style", "flat design", "vector art"),
    "ink": ("ink sketch", "drawn in ink", "pen and ink"),
    "pixel": ("pixel art", "8-bit pixel art", "as pixel art"),
    "mosaic": ("mosaic", "mosaic tiles", "as a mosaic"),
    "watercolour": ("watercolour", "painted in watercolour", "watercolor"),
    "neon": ("neon", "neon lights", "in glowing neon lines"),
}
TIME_PLACES = {  # "a red house <place>"
    "day": ("by day", "during the day", "in daylight", "in the daytime"),
    "dawn": ("at dawn", "at sunrise", "in the early morning", "in the morning light"),
    "sunset": ("at sunset", "at dusk", "in the evening", "in the evening light"),
    "night": ("at night", "by night", "in the dark", "late at night"),
}
TIME_ADJECTIVES = {
    "day": ("daytime", "daylight"),
    "dawn": ("sunrise", "dawn", "morning"),
    "sunset": ("sunset", "evening", "dusk"),
    "night": ("night", "nighttime"),
}
LAND_PLACES = {
    "meadow": ("in a green meadow", "on the grass", "in a meadow", "in green fields"),
    "snow": ("in the snow", "in a snowy landscape", "on a snowy field", "in winter snow"),
    "desert": ("in the desert", "in a sandy desert", "among desert dunes"),
    "sea": ("on the sea", "at sea", "on the ocean", "on the water"),
    "beach": ("on the beach", "on a sandy beach", "by the seaside", "on the shore"),
    "forest": ("in the forest", "in the woods", "in a forest clearing"),
    "town": ("in the town", "in a city", "on a town square", "in front of city houses"),
}
LAND_NOUNS = {
    "meadow": ("meadow", "green meadow", "grassland"),
    "snow": ("snow", "snowy landscape", "winter landscape"),
    "desert": ("desert", "sandy desert", "dunes"),
    "sea": ("sea", "ocean", "open sea"),
    "beach": ("beach", "sandy beach", "shore"),
    "forest": ("forest", "woods", "woodland"),
    "town": ("town", "city", "city skyline"),
}
WEATHER_PLACES = {
    "clear": ("under a clear sky", "under a cloudless sky", "in clear weather"),
    "cloudy": ("under a cloudy sky", "with clouds in the sky", "with clouds overhead"),
    "rain": ("in the rain", "on a rainy day", "while it rains"),
    "snowfall": ("in falling snow", "while it snows", "with snow falling"),
    "fog": ("in the fog", "in thick fog", "in the mist"),
}
WEATHER_ADJECTIVES = {
    "clear": ("clear", "cloudless"), "cloudy": ("cloudy",), "rain": ("rainy",),
    "snowfall": ("snowing",), "fog": ("foggy", "misty"),
}  # fmt: skip
KINDS: dict[str, tuple[tuple[str, str], ...]] = {  # one, and several
    "house": (("house", "houses"), ("house", "houses"), ("cottage", "cottages"), ("home", "homes")),
    "castle": (("castle", "castles"), ("castle", "castles"), ("stone castle", "stone castles")),
    "lighthouse": (("lighthouse", "lighthouses"), ("light house", "light houses")),
    "windmill": (("windmill", "windmills"), ("windmill", "windmills"), ("mill", "mills")),
    "tent": (("tent", "tents"), ("camping tent", "camping tents")),
    "igloo": (("igloo", "igloos"),),
    "pyramid": (("pyramid", "pyramids"),),
    "boat": (
        ("boat", "boats"), ("sailboat", "sailboats"), ("sailing boat", "sailing boats"), ("ship", "ships"),
    ),
    "balloon": (
        ("balloon", "balloons"), ("hot air balloon", "hot air balloons"),
        ("hot-air balloon", "hot-air balloons"),
    ),
    "tree": (("tree", "trees"), ("leafy tree", "leafy trees")),
    "pine": (("pine", "pines"), ("pine tree", "pine trees"), ("fir tree", "fir trees")),
    "palm": (("palm", "palms"), ("palm tree", "palm trees")),
    "cactus": (("cactus", "cacti"), ("cactus", "cactuses")),
    "snowman": (("snowman", "snowmen"),),
    "campfire": (("campfire", "campfires"), ("fire", "fires"), ("bonfire", "bonfires")),
    "whale": (("whale", "whales"),),
}  # fmt: skip
COUNTS = {1: ("a", "one"), 2: ("two", "a pair of", "2"), 3: ("three", "3"), 4: ("four", "4")}
NO_ARTICLE = ("snow", "woods", "dunes", "woodland", "grassland")
SUN = ("with the sun in the sky", "under the sun", "with the sun shining")
MOON = ("under the moon", "with the moon in the sky", "with a full moon above")
MOUNTAINS = (
    "with mountains behind",
    "in front of mountains",
    "with mountains in the background",
    "below snowy peaks",
)
