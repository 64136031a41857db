"""Names that mathematics has for itself: functions, constants, Greek letters, decorations."""

from __future__ import annotations

GREEK = frozenset(
    [
        "alpha",
        "beta",
        "gamma",
        "delta",
        "epsilon",
        "varepsilon",
        "zeta",
        "eta",
        "theta",
        "vartheta",
        "iota",
        "kappa",
        "lambda",
        "mu",
        "nu",
        "xi",
        "rho",
        "sigma",
        "tau",
        "upsilon",
        "phi",
        "varphi",
        "chi",
        "psi",
        "omega",
        "Gamma",
        "Delta",
        "Theta",
        "Lambda",
        "Xi",
        "Pi",
        "Sigma",
        "Phi",
        "Psi",
        "Omega",
        "hbar",
        "ell",
        "nabla",
        "partial",
    ]
)
FUNCTIONS = {
    "sin": "sin", "cos": "cos", "tan": "tan", "cot": "cot", "sec": "sec", "csc": "csc", "cosec": "csc",
    "arcsin": "asin", "arccos": "acos", "arctan": "atan", "arccot": "acot", "asin": "asin", "acos": "acos",
    "atan": "atan",
    "sinh": "sinh", "cosh": "cosh", "tanh": "tanh", "tg": "tan", "ctg": "cot", "arctg": "atan",
    "arccsc": "acsc", "arcsec": "asec",
    "log": "log", "ln": "ln", "lg": "lg", "exp": "exp", "det": "det", "gcd": "gcd", "lcm": "lcm",
    "Re": "re", "Im": "im",
    "arg": "arg", "dim": "dim", "abs": "abs", "floor": "floor", "ceil": "ceil", "ceiling": "ceil",
    "cbrt": "cbrt", "erf": "erf",
    "sgn": "sgn", "deg": "degree_of", "min": "min", "max": "max", "Pr": "Pr", "sqrt": "sqrt",
    "factorial": "factorial", "binom": "binom",
}  # fmt: skip
BIG = frozenset(
    ["sum", "prod", "int", "iint", "oint", "lim", "limsup", "liminf", "sup", "inf", "bigcup", "bigcap"]
)
DECORATED = frozenset(
    [
        "overline",
        "bar",
        "hat",
        "tilde",
        "dot",
        "ddot",
        "widehat",
        "widetilde",
        "underline",
        "overbrace",
        "underbrace",
    ]
)
TRANSPARENT = frozenset(
    [
        "mathbf",
        "boldsymbol",
        "vec",
        "overrightarrow",
        "bm",
        "mathcal",
        "mathsf",
        "mathit",
        "mathscr",
        "mathfrak",
        "mathrm",
        "boxed",
        "fbox",
        "bold",
        "pmb",
        "mathop",
        "mathbb",
    ]
)
CONSTANTS = {
    "pi": "#pi", "infty": "#oo", "infinity": "#oo", "inf": "#oo", "oo": "#oo", "emptyset": "#empty",
    "setR": "#R", "setZ": "#Z", "setN": "#N", "setQ": "#Q", "setC": "#C",
    "ldots": "#dots", "dots": "#dots", "cdots": "#dots", "vdots": "#dots", "ddots": "#dots", "dotsc": "#dots",
    "imath": "#i", "e": "#e", "i": "#i",
}  # fmt: skip
