"""Units of measure: which words are units, and which units convert into which.

A unit in normal form is a product of named units with integer exponents, written ``cm^2`` or
``km*h^-1``. Convertible units share a dimension; the factors are exact fractions. Offsets (degrees
Celsius to Fahrenheit) are not converted: such units are only equal to themselves.
"""

from __future__ import annotations

import re
from fractions import Fraction

F = Fraction

# name -> (dimension, factor in the dimension's base unit)
_TABLE: dict[str, tuple[str, Fraction]] = {}
# spelling -> name
_SPELLING: dict[str, str] = {}


def _add(dimension: str, name: str, factor: Fraction | int | str, *spellings: str) -> None:
    _TABLE[name] = (dimension, Fraction(factor))
    for spelling in (name, *spellings):
        _SPELLING[spelling] = name


for _name, _factor, _words in (
    ("nm", "1e-9", "nanometer nanometers nanometre nanometres"),
    ("um", "1e-6", "micrometer micrometers micron microns"),
    ("mm", "1e-3", "millimeter millimeters millimetre millimetres"),
    ("cm", "1e-2", "centimeter centimeters centimetre centimetres"),
    ("dm", "1e-1", "decimeter decimeters"),
    ("m", "1", "meter meters metre metres"),
    ("km", "1000", "kilometer kilometers kilometre kilometres"),
    ("inch", "0.0254", "inches"),
    ("ft", "0.3048", "foot feet"),
    ("yd", "0.9144", "yard yards yds"),
    ("mile", "1609.344", "miles mi"),
):
    _add("length", _name, _factor, *_words.split())
for _name, _factor, _words in (
    ("mg", "1e-6", "milligram milligrams"),
    ("g", "1e-3", "gram grams gm"),
    ("kg", "1", "kilogram kilograms kgs kilo kilos"),
    ("tonne", "1000", "tonnes"),
    ("lb", "0.45359237", "lbs pound pounds"),
    ("oz", "0.028349523125", "ounce ounces"),
):
    _add("mass", _name, _factor, *_words.split())
for _name, _factor, _words in (
    ("ns", "1e-9", "nanosecond nanoseconds"),
    ("ms", "1e-3", "millisecond milliseconds"),
    ("s", "1", "second seconds sec secs"),
    ("min", "60", "minute minutes mins"),
    ("h", "3600", "hour hours hr hrs"),
    ("day", "86400", "days"),
    ("week", "604800", "weeks"),
):
    _add("time", _name, _factor, *_words.split())
_add("month", "month", 1, "months")
_add("month", "year", 12, "years", "yr", "yrs")
for _name, _factor, _words in (
    ("ml", "1e-3", "mL milliliter milliliters millilitre millilitres"),
    ("l", "1", "L liter liters litre litres"),
    ("gallon", "3.785411784", "gallons gal"),
    ("quart", "0.946352946", "quarts"),
    ("pint", "0.473176473", "pints"),
    ("cup", "0.2365882365", "cups"),
):
    _add("volume", _name, _factor, *_words.split())
_add("dollar", "dollar", 1, "dollars", "usd", "USD", "bucks")
_add("dollar", "cent", F(1, 100), "cents")
_add("euro", "euro", 1, "euros", "EUR")
_add("sterling", "sterling", 1, "GBP")
_add("yen", "yen", 1, "JPY")
_add("rupee", "rupee", 1, "rupees", "rs", "Rs", "INR")
_add("angle", "deg", 1, "degree", "degrees", "degs")
_add("temperature_c", "celsius", 1, "Celsius", "C")
_add("temperature_f", "fahrenheit", 1, "Fahrenheit", "F")
_add("kelvin", "K", 1, "kelvin", "kelvins", "Kelvin")
_add("energy", "J", 1, "joule", "joules", "Joules")
_add("energy", "kJ", 1000, "kilojoule", "kilojoules")
_add("energy", "eV", F("1.602176634e-19"))
_add("energy", "erg", F("1e-7"), "ergs")
_add("power", "W", 1, "watt", "watts", "Watts")
_add("power", "kW", 1000, "kilowatt", "kilowatts")
_add("force", "N", 1, "newton", "newtons", "Newtons")
_add("charge", "coulomb", 1, "coulombs")
_add("voltage", "V", 1, "volt", "volts", "Volts")
_add("current", "A", 1, "amp", "amps", "ampere", "amperes")
_add("resistance", "ohm", 1, "ohms")
_add("frequency", "Hz", 1, "hz", "hertz", "Hertz")
_add("frequency", "kHz", 1000)
_add("frequency", "MHz", 10**6)
_add("pressure", "Pa", 1, "pascal", "pascals")
_add("pressure", "kPa", 1000)
_add("pressure", "atm", 101325, "atmospheres")
_add("amount", "mol", 1, "mole", "moles", "mols")
_add("speed", "mph", F("0.44704"))
_add("speed", "kph", F(1000, 3600), "kmh", "kmph")
_add("radian", "rad", 1, "radian", "radians", "rads")
_SPELLING["in"] = "inch"

_COMPOUND = {"speed": {"length": 1, "time": -1}, "volume": {"length": 3}}
_COMPOUND_SCALE = {"speed": Fraction(1), "volume": Fraction(1, 1000)}
_SILENT = frozenset({"unit", "units", "square", "cubic", "sq", "cu"})
_FILLER = frozenset(["of", "the", "a", "an", "each", "total", "altogether", "per"])


def is_unit(word: str) -> bool:
    """Whether a word is a unit we know (single letters count only where the caller knows the context)."""
    return word in _SPELLING or (word.lower() in _SPELLING and len(word) > 2) or word.lower() in _SILENT


def unit_name(word: str) -> str:
    """The normal name of a unit word; unknown nouns are folded to lower-case singular."""
    if word in _SPELLING:
        return _SPELLING[word]
    folded = word.lower()
    if folded in _SPELLING:
        return _SPELLING[folded]
    if len(folded) > 3 and folded.endswith("s") and not folded.endswith("ss"):
        folded = folded[:-1]
    return folded


def normal_unit(text: str) -> str:
    """Normal form of a unit phrase such as ``square inches``, ``km/h``, ``cm^{2}``, ``miles per hour``.

    Empty for a phrase that says nothing ("units").
    """
    text = re.sub(r"\\(?:text|mathrm|mbox|rm|cdot|times)|[{}\\~$]", " ", text)
    text = re.sub(r"\bper\b", "/", text.replace("**", "^"))
    text = re.sub(r"\b(square|sq\.?|cubic|cu\.?)\s+([A-Za-z]+)", _powered, text, flags=re.IGNORECASE)
    text = re.sub(
        r"\b([A-Za-z]+)\s+(squared|cubed)\b", lambda m: f"{m[1]}^{2 if m[2] == 'squared' else 3}", text
    )
    text = re.sub(r"\bin\s+(?=[A-Za-z])", " ", text)
    powers: dict[str, int] = {}
    sign = 1
    for word, exponent, slash in re.findall(r"([A-Za-zµ]+)(?:\s*\^?\s*\(?(-?\d)\)?)?|(/)", text):
        if slash:
            sign = -1
            continue
        if word.lower() in _SILENT or word.lower() in _FILLER:
            continue
        name = unit_name(word)
        powers[name] = powers.get(name, 0) + sign * int(exponent or 1)
        sign = 1
    return "*".join(name if e == 1 else f"{name}^{e}" for name, e in sorted(powers.items()) if e)


def _powered(match: re.Match[str]) -> str:
    power = 2 if match[1].lower().startswith("sq") else 3
    return f"{match[2]}^{power}" if match[2].lower() not in _SILENT else match[2]


def _dimension(unit: str) -> tuple[dict[str, int], Fraction]:
    dims: dict[str, int] = {}
    scale = Fraction(1)
    for part in filter(None, unit.split("*")):
        name, _, power = part.partition("^")
        exponent = int(power or 1)
        dimension, factor = _TABLE.get(name, (name, Fraction(1)))
        scale *= factor**exponent
        if dimension in _COMPOUND:
            scale *= _COMPOUND_SCALE[dimension] ** exponent
            for base, e in _COMPOUND[dimension].items():
                dims[base] = dims.get(base, 0) + e * exponent
        else:
            dims[dimension] = dims.get(dimension, 0) + exponent
    return {d: e for d, e in dims.items() if e}, scale


def conversion(source: str, target: str) -> Fraction | None:
    """How many ``target`` one ``source`` is, exactly; ``None`` if they do not convert."""
    if source == target:
        return Fraction(1)
    source_dims, source_scale = _dimension(source)
    target_dims, target_scale = _dimension(target)
    if source_dims != target_dims:
        return None
    return source_scale / target_scale
