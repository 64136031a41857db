"""Find the final answer in a response.

Order of preference: the last ``\\boxed`` (or ``\\fbox``) by brace matching; answer tags
(``<answer>``, ``####``); answer phrases ("the answer is ..."); a short response that is nothing but
an answer; the value that the last line ends with. Every step is linear in the length of the text.
Several final answers are returned together, so that a list of guesses equals no single reference.
Letters of multiple choice are read by :mod:`shared.verifiers.letters`.
"""

from __future__ import annotations

import re

from shared.verifiers.policy import Policy

_TAIL = 4000  # phrases are looked for in this many last characters
_BARE = 400  # a response up to this length can itself be the answer
_BOX_COMMANDS = ("\\boxed", "\\fbox", "\\framebox")
_CLOSE = "</think>"
_OPEN = "<think>"

_TAG = re.compile(r"<answer>([^<]*(?:<(?!/?answer>)[^<]*)*)</answer>", re.IGNORECASE)
_BETWEEN_BOXES = re.compile(
    r"(?:[\s$.,;:]|\\[()\[\],;!]|\\text\{\s*(?:and|or)\s*\}|\\quad|\band\b|\bor\b|&)*"
)
_PHRASE = re.compile(
    r"(?:final\s+|correct\s+|the\s+)*\banswers?\b(?:\s*(?:is|are|was|equals?|would be|will be|must be|should be))?"
    r"\s*(?:\*\*|__)?\s*[:=]?\s*",
    re.IGNORECASE,
)
_PHRASE_VERB = re.compile(
    r"(?:is|are|was|equals?|be)\s*(?:\*\*|__)?\s*[:=]?\s*$|[:=]\s*(?:\*\*|__)?\s*$", re.IGNORECASE
)
_MATH_SPAN = re.compile(
    r"\$\$(.+?)\$\$|\\\[(.+?)\\\]|\\\((.+?)\\\)|(?<!\\)\$((?:\\.|[^$\\])+)(?<!\\)\$", re.DOTALL
)


def final_text(response: str, policy: Policy) -> str | None:
    """The part of the response where an answer may stand, ``None`` if there is no such part."""
    if policy.thoughts == "keep":
        return response
    close = response.rfind(_CLOSE)
    if close >= 0:
        return response[close + len(_CLOSE) :]
    if policy.thoughts == "require" or _OPEN in response:
        return None
    return response


def matching_brace(text: str, start: int) -> int:
    """Index of the brace that closes the one at ``start``, or -1. Escaped braces do not count."""
    depth = 0
    i = start
    while i < len(text):
        char = text[i]
        if char == "\\":
            i += 2
            continue
        if char == "{":
            depth += 1
        elif char == "}":
            depth -= 1
            if depth == 0:
                return i
        i += 1
    return -1


def boxes(text: str) -> list[tuple[int, int, str, bool]]:
    """All boxes in order, outermost only: (start, end, content, closed by a brace).

    ``\\boxed 5`` (no brace) holds the next word. A box whose brace never closes runs to the end of
    its line or to a closing dollar, and is marked as not closed.
    """
    found: list[tuple[int, int, str, bool]] = []
    position = 0
    while True:
        starts = [(at, name) for name in _BOX_COMMANDS if (at := text.find(name, position)) >= 0]
        if not starts:
            return found
        at, name = min(starts)
        after = at + len(name)
        while after < len(text) and text[after] == " ":
            after += 1
        if after < len(text) and text[after] == "{":
            end = matching_brace(text, after)
            if end >= 0:
                found.append((at, end + 1, text[after + 1 : end], True))
                position = end + 1
                continue
            line_end = min(
                (e for e in (text.find("\n", after), text.find("$", after)) if e >= 0), default=len(text)
            )
            found.append((at, line_end, text[after + 1 : line_end], False))
            position = max(line_end, after + 1)
        elif after < len(text) and (text[after].isalpha() and after == at + len(name)):
            position = after  # another command that begins with the same letters
        else:
            word = re.compile(r"[^\s$]*").match(text, after)
            end = word.end() if word else after
            found.append((at, end, text[after:end].rstrip(".,;"), end > after))
            position = max(end, after)


def _unbox(content: str) -> str:
    """Content of a box without boxes nested around all of it."""
    while True:
        inner = boxes(content)
        if len(inner) != 1 or not inner[0][3]:
            return content.strip()
        start, end, text, _ = inner[0]
        if content[:start].strip(" $") or content[end:].strip(" $"):
            return content[:start] + " " + text + " " + content[end:]
        content = text


def boxed_answer(text: str, allow_unclosed: bool = True) -> str | None:
    """The last box; boxes that stand side by side are one answer with several parts."""
    found = [box for box in boxes(text) if allow_unclosed or box[3]]
    if not found:
        return None
    parts = [found[-1]]
    for box in reversed(found[:-1]):
        between = text[box[1] : parts[0][0]]
        if len(between) > 60 or not _BETWEEN_BOXES.fullmatch(between):
            break
        parts.insert(0, box)
    contents: list[str] = []
    for _, _, content, _ in parts:
        clean = _unbox(content)
        if clean not in contents:
            contents.append(clean)
    return ", ".join(contents)


def _clip(text: str) -> str:
    """An answer phrase's object: up to the end of the sentence or line, without decoration."""
    text = text.lstrip(" \t*_:=")
    if text.startswith("\n"):
        text = text.lstrip()
    opening = _MATH_SPAN.match(text)
    line = text.split("\n", 1)[0] if not (opening and "\n" in opening.group(0)) else text
    stop = re.search(r"\.(?=\s|$)|(?<=[\w})$])[.!?]\s+[A-Z]|\s(?:because|since|which|where|as)\s", line)
    if stop and not (opening and stop.start() < opening.end()):
        line = line[: stop.start()]
    return line.strip(" \t\r\n*_`").rstrip(".,;:").strip(" *_`")


def _phrase_answer(text: str) -> str | None:
    tail = text[-_TAIL:]
    last = None
    for match in _PHRASE.finditer(tail):
        if _PHRASE_VERB.search(match.group(0)):
            last = match
    if last is None:
        return None
    return _clip(tail[last.end() :]) or None


_ENDING = re.compile(
    r"(?:=|≈|\bis\b|\bare\b|\bequals?\b|\bto\b|\bget\b|\bgives?\b|\bhas\b|\bhave\b|\bhad\b|\bwas\b|\bwere\b|\bbe\b|:|\bmakes?\b|\bobtain\b"
    r"|\byields?\b|\bneeds?\b|\btotal\b|\bcosts?\b|\bspends?\b|\bpays?\b|\bof\b)\s*(?:about|approximately|exactly)?\s*"
    r"((?:[-−$€£]\s?)*\d[\d,]*(?:\.\d+)?(?:/\d+)?\s?%?)((?:\s+[A-Za-z]+){0,4})\s*[.!]?$"
)


def _ending_answer(text: str) -> str | None:
    """The value that the last line ends with: its last formula, or the last number after a verb or '='."""
    lines = [line.strip() for line in text[-_TAIL:].strip().split("\n") if line.strip()]
    if not lines:
        return None
    spans = list(_MATH_SPAN.finditer(text[-_TAIL:].strip()))
    line = lines[-1]
    if spans and text.strip().endswith(
        spans[-1].group(0) + text.strip()[len(text.strip()) - 1 :].strip("$])")
    ):
        return next(g for g in spans[-1].groups() if g is not None)
    in_line = list(_MATH_SPAN.finditer(line))
    if in_line:
        rest = line[in_line[-1].end() :]
        if not re.search(r"\d", rest):
            return next(g for g in in_line[-1].groups() if g is not None) + (
                " %" if rest.strip().startswith("%") else ""
            )
    match = _ENDING.search(line)
    if match:
        return match.group(1).strip()
    numbers = re.findall(r"(?<![\w.])[-−]?\$?\d[\d,]*(?:\.\d+)?(?![\w])%?", line)
    if len(numbers) == 1 and re.search(r"[A-Za-z]", line):
        return numbers[0].rstrip(",")
    return None


def extract(response: str, policy: Policy) -> str | None:
    """The final answer as it stands in the response, or ``None``.

    Args:
        response: the generated text, prompt not included.
        policy: says whether a box is required and how thoughts are treated.
    """
    text = final_text(response, policy)
    if text is None:
        return None
    if policy.kind == "letter":
        from shared.verifiers.letters import extract_letter

        return extract_letter(text, policy)
    answer = boxed_answer(text, allow_unclosed=not policy.box_required)
    if answer is not None or policy.box_required:
        return answer or None
    tags = _TAG.findall(text[-_TAIL:])
    if tags:
        return tags[-1].strip() or None
    hashes = text.rfind("####")
    if hashes >= 0:
        return _clip(text[hashes + 4 :]) or None
    answer = _phrase_answer(text)
    if answer is not None:
        return answer
    stripped = text.strip()
    if len(stripped) <= _BARE and "\n" not in stripped and _looks_bare(stripped):
        return stripped or None
    return _ending_answer(text)


def _looks_bare(text: str) -> bool:
    """Whether a short line is an answer rather than a sentence about one."""
    words = re.findall(
        r"(?<![\\A-Za-z])[A-Za-z]{2,}", re.sub(r"\\(?:text|mathrm|mbox|textbf)\s*\{[^}]*\}", "", text)
    )
    return len(words) <= 3 or not re.search(r"\d|[=$]", text)
