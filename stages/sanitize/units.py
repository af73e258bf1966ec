"""Spellings of units, and factors from units outside the SI to units of the SI.

Symbols follow the SI brochure (9th edition), the space between number and symbol and what converts to what NIST SP 811
(section 7.2 and appendix B.8). Spelled-out names of SI units ("5 litres", "two metres") are right as they are and stay.
A fixed table of some forty rows needs no library; a test holds its factors against the exact definitions.
"""

from typing import NamedTuple


class Unit(NamedTuple):
    """A unit outside the SI: 5 lb = 5 * factor * 10**3 g. Exponents of ten are chosen by `LADDERS`."""

    symbol: str
    spellings: str  # other ways to write it, as a regular expression
    quantity: str  # which ladder its SI value stands on
    factor: float  # to the base unit of that ladder
    offset: float = 0.0  # added before the factor


# SI units and units accepted beside them whose number may be glued to them: no common suffix of words or names is here.
GLUED = ("km", "m", "dm", "cm", "mm", "µm", "nm", "kg", "g", "mg", "µg", "l", "L", "ml", "mL", "cl", "dl", "W", "kW", "MW",
         "kWh", "Wh", "V", "mV", "kV", "mA", "mAh", "Ah", "Hz", "kHz", "MHz", "GHz", "kB", "MB", "GB", "TB", "KiB", "MiB",
         "GiB", "TiB", "°C", "min", "ms", "µs", "ns", "bar", "mbar", "kPa", "hPa", "MPa", "Pa", "kN", "Nm", "N·m", "kJ", "Ω",
         "kΩ", "MΩ", "µF", "nF", "pF", "dB", "lm", "lx", "rpm", "m²", "cm²", "mm²", "km²", "m³", "cm³", "mm³", "km/h",
         "m/s")  # fmt: skip

# Misspelt symbols of SI units -> the symbol. The spelling is a regular expression; a number stands before it.
MISSPELT = {
    "kg": "Kgs?|KGS?|kgs|kilos?", "g": "gms?|grs?", "µg": "mcg|(?<=\\d)ug", "km": "Kms?|KMS?|kms", "cm": "cms|CMS?|Cms?",
    "mm": "MM|mms", "m": "mtrs?|Mtrs?", "µm": "(?<=\\d)um|microns?", "l": "ltrs?|Ltrs?", "ml": "mls|ML|Ml",
    "cm³": "cc|ccm|cm3|cm\\^3|cu\\.? cm", "m²": "m2|m\\^2|sqm|sq\\.? ?m|qm", "m³": "m3|m\\^3|cbm|cu\\.? m",
    "cm²": "cm2|cm\\^2|sq\\.? ?cm", "mm²": "mm2|mm\\^2|sq\\.? ?mm", "km²": "km2|km\\^2|sq\\.? ?km", "mm³": "mm3|mm\\^3",
    "km/h": "km/hr|kmh|kmph|kph|KMH|Km/h|KM/H", "m/s": "m/sec", "s": "secs?", "min": "mins", "h": "hrs?",
    "kHz": "KHz|Khz|khz|KHZ", "MHz": "Mhz|mhz|MHZ", "GHz": "Ghz|ghz|GHZ", "Hz": "hz|HZ", "kW": "Kw|KW|kw",
    "kWh": "kwh|KWH|Kwh|kWH|KWh", "kV": "KV|Kv", "mAh": "mah|mAH|MAH", "µF": "uF", "Ω": "[Oo]hms?", "kΩ": "kOhms?|kohms?",
    "°C": "[°º˚] ?[Cc]|℃|deg(?:rees?|\\.)? ?(?:C|[Cc]elsius|[Cc]entigrade)|[°º˚] ?[Cc]elsius|degrés? [Cc]elsius"
          "|Grad [Cc]elsius|gradi [Cc]elsius|grados [Cc]elsius",
}  # fmt: skip

# Quantity -> (unit, how many base units it is), smallest first: the largest that leaves at least one is written.
LADDERS = {
    "length": (("mm", 1e-3), ("cm", 1e-2), ("m", 1.0), ("km", 1e3)),
    "area": (("mm²", 1e-6), ("cm²", 1e-4), ("m²", 1.0), ("ha", 1e4), ("km²", 1e6)),
    "volume": (("ml", 1e-3), ("l", 1.0), ("m³", 1e3)),
    "mass": (("mg", 1e-3), ("g", 1.0), ("kg", 1e3)),
    "speed": (("km/h", 1.0),),
    "pressure": (("Pa", 1.0), ("kPa", 1e3), ("MPa", 1e6)),
    "energy": (("J", 1.0), ("kJ", 1e3), ("MJ", 1e6), ("GJ", 1e9)),
    "power": (("W", 1.0), ("kW", 1e3), ("MW", 1e6)),
    "force": (("N", 1.0), ("kN", 1e3)),
    "torque": (("N·m", 1.0),),
    "temperature": (("°C", 1.0),),
}

# `pound` is money as often as mass, `ton`, `pint` and `cup` differ by country: they stay. Gallons and fluid ounces are
# those of the United States, unless the text spells as Britain does (quantities.BRITISH): then they stay as well.
FOREIGN = (
    Unit("°F", "[°º˚] ?[Ff]|℉|deg(?:rees?|\\.)? ?(?:F|[Ff]ahrenheit)|[°º˚] ?[Ff]ahrenheit|degrés? [Ff]ahrenheit"
               "|Grad [Ff]ahrenheit|gradi [Ff]ahrenheit|grados [Ff]ahrenheit", "temperature", 5 / 9, -32),
    Unit("lb", "lbs?|LBS?|Lbs?|lbm", "mass", 453.59237),
    Unit("oz", "ozs?|OZ|Oz|ounces?", "mass", 28.349523125),
    Unit("in", "in|inch(?:es)?|Inch(?:es)?|Zoll|pouces?|pulgadas?|pollici", "length", 0.0254),
    Unit("ft", "ft|FT|feet|foot", "length", 0.3048),
    Unit("yd", "yds?|yards?", "length", 0.9144),
    Unit("mi", "mi|miles?", "length", 1609.344),
    Unit("mph", "mph|MPH|mi/h|miles per hour|miles an hour", "speed", 1.609344),
    Unit("sq in", "sq\\.? ?in|square inch(?:es)?|in²|in\\^2|in2", "area", 0.00064516),
    Unit("sq ft", "sq\\.? ?ft\\.?|sqft|square f(?:ee|oo)t|ft²|ft\\^2|ft2", "area", 0.09290304),
    Unit("sq mi", "sq\\.? ?mi|square miles?|mi²", "area", 2589988.110336),
    Unit("acre", "acres?", "area", 4046.8564224),
    Unit("cu ft", "cu\\.? ?ft|cubic f(?:ee|oo)t|ft³|ft\\^3|ft3", "volume", 28.316846592),
    Unit("gal", "gals?|gallons?|US gal(?:lon)?s?", "volume", 3.785411784),
    Unit("fl oz", "fl\\.? ?oz|fluid ounces?", "volume", 0.0295735295625),
    Unit("psi", "psi|PSI", "pressure", 6894.757293168),
    Unit("hp", "hp|bhp|horse ?power", "power", 745.6998715822702),
    Unit("BTU", "BTUs?|Btu", "energy", 1055.05585262),
    Unit("kcal", "kcals?|Kcal|kilocalories", "energy", 4184.0),
    Unit("lbf", "lbf|pounds?-force", "force", 4.4482216152605),
    Unit("ft·lb", "ft[-·. ]lbs?f?|lbf?[-·. ]ft|foot[- ]pounds?", "torque", 1.3558179483314004),
)  # fmt: skip
