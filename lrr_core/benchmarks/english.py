"""A problem in plain English, as people write it, read into a graph: "All cats are pets. Tom is a cat. Is Tom a pet or a wolf?"

    reading = read(text)             # never raises: it says what each sentence became, and what is wrong
    reading.told()                   # "I read this as: cat → pet, Tom → cat. Asked: is Tom a pet or a wolf?"
    reading.sentences[2].why         # why a sentence could not be used; start and end mark its place in the text
    parse_text(text)                 # the graph alone, ProblemError where there is none

A sentence says that one thing is another, once or several times ("A robin is a bird, and every bird is an animal."); list marks,
numbers, labels such as "Question:" and line breaks are no part of it. Grammar tells singular from plural: after "a", "every" and
before "is" a name stands as it is, so "bus", "glass" and "species" are left alone; after "all" and beside "are" it is plural,
and the library `inflect` gives the singular ("mice", "wolves", "people"). A sentence of the generators' own form comes first,
so that their texts read as they were written, whatever their names are.

What has no arrow (not, some, if, has) is refused, never dropped: a dropped sentence could change the answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher, get_close_matches
from functools import lru_cache

from .prosqa import MOST_TEXT, GraphQuestion, ProblemError, answered, breadth_first

MOST_SENTENCES = 5_000  # of a text; its characters are bounded as those of a record
MOST_WORDS, MOST_LETTERS = 5, 60  # words of a name, letters of a word
NEAR = 0.75  # likeness from which on a name is offered in place of one that is not there
EXAMPLE = (
    'write sentences and a question: "Every shumpus is a rempus. Tom is a shumpus. ... Is Tom a rempus or lempus?".'
)


@dataclass(frozen=True)
class Sentence:
    """One sentence of the text: its words, its place text[start:end], whether it was used, and if not, why."""

    text: str
    start: int
    end: int
    used: bool
    why: str = ""


@dataclass(frozen=True)
class Reading:
    """What became of a text. graph: None where `fault` (one line) says why there is none; chosen: the candidate that the reader
    took to a question of yes or no, "" where the text offers two; questions: (Q,) different questions as they were asked."""

    sentences: tuple[Sentence, ...] = ()
    graph: GraphQuestion | None = None
    fault: str = ""
    chosen: str = ""
    questions: tuple[str, ...] = ()

    def need(self) -> GraphQuestion:
        """The graph; ProblemError with the fault where there is none."""
        if self.graph is None:
            raise ProblemError(self.fault)
        return self.graph

    def told(self) -> str:
        """One line: the arrows, the asked root and both candidates, and where the second one comes from."""
        q = self.need()
        arrows = ", ".join(f"{q.names[s]} → {q.names[t]}" for s, t in q.edges)
        a, b = (q.names[c] for c in q.candidates)
        line = f"I read this as: {arrows}. Asked: {q.names[q.root]}, {a} or {b}."
        if self.chosen:
            line += f' The question is one of yes or no; "{self.chosen}" was chosen to stand against "{a}".'
        return line


def parse_text(text: str, ask: int | None = None) -> GraphQuestion:
    """The graph of a text in plain English; see `read`. ProblemError for everything that cannot be understood or asked."""
    return read(text, ask).need()


def read(text: str, ask: int | None = None) -> Reading:
    """Read a text; `ask` (from 1) picks one of several questions.

    Nodes are numbered by first mention and keep the spelling of that mention, a plural in its singular; case never tells two
    names apart. A fact that is stated twice is one edge. Cycles are fine. Law: the text of a `GraphQuestion` reads as itself.
    """
    if len(text) > MOST_TEXT:
        return Reading(
            fault=f"The text has {len(text):,} characters; at most {MOST_TEXT:,} are read: use a shorter one."
        )
    parts: list[_Part] = []
    for part in _split(text):
        parts.append(part)
        if len(parts) > MOST_SENTENCES:
            return Reading(fault=f"The text has more than {MOST_SENTENCES:,} sentences; use a shorter one.")
    try:
        return _understood(parts, ask)
    except _Fault as error:
        at = error.at if error.at is not None else {}
        sentences = tuple(p.sentence(at.get(i, p.why)) for i, p in enumerate(parts))
        return Reading(sentences, fault=str(error), questions=_questions(parts))


# --- words and names -------------------------------------------------------------------------------------------------


class _Unread(Exception):
    """A sentence that makes no arrow and no question; the text says why. Never leaves this file."""


class _Fault(Exception):
    """A text that gives no problem; at: number of a sentence -> why it could not be used. Never leaves this file."""

    def __init__(self, message: str, at: dict[int, str] | None = None):
        super().__init__(message)
        self.at = at


@dataclass(frozen=True)
class _Mention:
    """A name where it stands. plural: as grammar tells; every: with an article or "every", or plural, so no person."""

    words: str
    plural: bool = False
    every: bool = False

    @property
    def person(self) -> bool:
        return not self.every and all(word[:1].isupper() for word in self.words.split())


@dataclass(frozen=True)
class _Question:
    """splits: the possible (asked, first candidate); other: the second one, None for a question of yes or no."""

    splits: tuple[tuple[_Mention, _Mention], ...]
    other: _Mention | None = None


@dataclass(frozen=True)
class _Part:
    """A sentence with what was read in it: facts, or a question, or why neither."""

    text: str
    start: int
    end: int
    facts: tuple[tuple[_Mention, _Mention], ...] = ()
    question: _Question | None = None
    why: str = ""

    def sentence(self, why: str = "") -> Sentence:
        return Sentence(self.text, self.start, self.end, not why, why)


@lru_cache(maxsize=1)
def _inflection():
    import inflect  # its import takes seconds of checks: only a text with plurals pays them

    engine = inflect.engine()
    engine.classical(all=True)  # cacti, fungi
    return engine


@lru_cache(maxsize=4096)
def singular(words: str) -> str:
    """The singular of a plural name, its last word changed; the name itself where it is its own plural ("species"). Not for a
    name that grammar shows to be singular: by its letters alone a "bus" might be two of something."""
    return _inflection().singular_noun(words) or words


ARTICLES, ONE, MANY = {"a", "an"}, {"a", "an", "every", "each"}, {"all", "these", "those"}
_LEADS = ARTICLES | ONE | MANY | {"any", "the", "either", "both"}
_KINDS = re.compile(r"(?:kind|type|sort|form|example)s? of (?:(?:an?|the) )?", re.IGNORECASE)
_WHY = {
    **dict.fromkeys(("not", "no", "none", "never", "nothing", "neither", "nor"), '"{}" denies, and an arrow cannot'),
    **dict.fromkeys(
        ("some", "most", "many", "few", "several", "sometimes", "usually", "often"),
        '"{}" is not every, so it is no arrow',
    ),
    **dict.fromkeys(("if", "when", "unless", "then", "only", "except"), 'a condition ("{}") is no arrow'),
    **dict.fromkeys(("he", "she", "it", "they", "this", "that", "who"), 'say who or what "{}" is: write the name'),
    "or": '"or" leaves open which of them it is',
}
_RESERVED = set(_WHY) | _LEADS | {"is", "are", "and", "but", "which", "whether"}


def _mention(tokens: Sequence[str], plural: bool, before: _Mention | None = None) -> _Mention:
    """The name in an item of a list; an item without an article takes that of the one `before` it ("a cat and dog")."""
    words, leads = list(tokens), list[str]()
    # one article ends the run, so that a thing may be called "A"
    while len(words) > 1 and words[0].casefold() in _LEADS | ({"of"} if leads else set()) and not set(leads) & ONE:
        leads.append(words.pop(0).casefold())
    if not words:
        raise _Unread(f'no name follows "{" ".join(tokens)}"' if tokens else "a name is missing")
    name = _KINDS.sub("", " ".join(words), count=1) if _KINDS.match(" ".join(words)) else " ".join(words)
    words = name.split()
    for word in words:
        low = word.casefold()
        if low in _WHY or low.endswith("n't"):
            raise _Unread(_WHY.get(low, '"{}" denies, and an arrow cannot').format(word))
        if low in _RESERVED or not re.fullmatch(r"[\w'-]+", word):
            raise _Unread(f'"{word}" stands where a name should')
    near_every = SequenceMatcher(None, words[0].casefold(), "every").ratio() > NEAR and words[0].casefold() != "very"
    if not leads and len(words) > 1 and near_every:
        raise _Unread(f'"{words[0]}" is not "every"')  # else "evry cat" would be a name of two words
    if not 0 < len(words) <= MOST_WORDS:
        raise _Unread(f'a name has at most {MOST_WORDS} words, not "{name[:60]}"')
    if set(leads) & ONE or (before and not leads and before.every and not before.plural):
        return _Mention(name, False, True)
    return _Mention(name, plural or bool(set(leads) & MANY), plural or bool(leads))


# --- one sentence ----------------------------------------------------------------------------------------------------

_FACT = re.compile(r"((?:every|each|an?) )?([\w'-]+) is an? ([\w'-]+)", re.IGNORECASE)
_QUESTION = re.compile(r"is ((?:every|each|an?) )?([\w'-]+) an? ([\w'-]+),? or (?:an? )?([\w'-]+)", re.IGNORECASE)
# what people put before a fact or a question and what says nothing: "so", "we know that"
_OPENING = re.compile(
    r"(?:(?:and|but|so|also|now|thus|therefore|hence|moreover|furthermore|finally|first(?:ly)?|second(?:ly)?|next|then|given|since|"
    r"because|(?:let us )?(?:suppose|assume|imagine|note|remember|recall)|we know|it is known|i know)(?: that)?\b,? ?)+",
    re.IGNORECASE,
)
# what makes a statement a question: "is it true that Tom is a pet"
_WHETHER = re.compile(
    r"(?:is it (?:really )?(?:true|so|the case|right|correct|a fact)(?: to say)? that|"
    r"does it (?:really )?(?:follow|hold|mean)(?: that)?|do (?:you|we) (?:think|know|believe|agree)(?: that| whether| if)?|"
    r"(?:can|could|may) (?:we|you|one|i) (?:say|conclude|infer|tell me)(?: that| whether| if)?|"
    r"(?:please )?(?:tell me|say|decide|determine|answer|find out) (?:whether|if)|whether|true or false[:,]?) ",
    re.IGNORECASE,
)
_ASKED = re.compile(r"(?:(?:which|what)(?: of (?:them|these|those|the two))?,? )?(is|are)\b,?:? (.+)", re.IGNORECASE)
_SAID = {
    "also",
    "always",
    "really",
    "certainly",
    "therefore",
    "thus",
    "too",
    "indeed",
    "in-fact",
    "all",
}  # after the verb
_STRONG = {"but", "while", "whereas", "so", "because", "since", "therefore"}
_TOKEN = re.compile(r"[\w'-]+|\S")


def _sentence(text: str, mark: bool) -> tuple[tuple, _Question | None]:
    """(facts, question) of one sentence without its end mark; mark: whether that was a question mark. Raises _Unread."""
    if long := next((word for word in text.split() if len(word) > MOST_LETTERS), ""):
        raise _Unread(f'"{long[:30]}..." has more than {MOST_LETTERS} letters')
    if (asked := _QUESTION.fullmatch(text)) is not None:
        every, *names = asked.groups()
        root, a, b = (_Mention(n, False, bool(every) or i > 0) for i, n in enumerate(names))
        return (), _Question(((root, a),), b)
    if (fact := _FACT.fullmatch(text)) is not None and not mark:
        every, one, other = fact.groups()
        return ((_Mention(one, False, bool(every)), _Mention(other, False, True)),), None
    text = re.sub(r"(\w)'s (?=an? )", r"\1 is ", _OPENING.sub("", text, count=1) if _OPENING.match(text) else text)
    text = re.sub(r",? (?:as well|too)$", "", text.strip(" ,:"))
    if whether := _WHETHER.match(text):
        return (), _statement(_tokens(text[whether.end() :]))
    if asked := _ASKED.fullmatch(text):
        return (), _inverted(_tokens(asked[2]), asked[1].casefold() == "are")
    tokens = _tokens(text)
    if re.match(r"(?:isn't|aren't)\b", text, re.IGNORECASE):
        raise _Unread(f'ask without "{text.split()[0]}"')
    return ((), _statement(tokens)) if mark else (tuple(_facts(tokens)), None)


def _tokens(text: str) -> list[str]:
    tokens = _TOKEN.findall(text)
    if len(tokens) > _MOST_TOKENS:
        raise _Unread(f"it has {len(tokens):,} words, and at most {_MOST_TOKENS} are read: end it earlier")
    return tokens


def _items(tokens: Sequence[str], by: Iterable[str]) -> list[list[str]]:
    """The parts of a list between commas and the words `by`."""
    items: list[list[str]] = [[]]
    for token in tokens:
        if token == "," or token.casefold() in by:
            items.append([])
        else:
            items[-1].append(token)
    return [item for item in items if item]


def _mentions(items: Sequence[Sequence[str]], plural: bool) -> list[_Mention]:
    found: list[_Mention] = []
    # "Tom and Sam are cats": several bare names with capitals are persons, each of them one
    persons = len(items) > 1 and all(word[:1].isupper() for item in items for word in item)
    persons = persons and not any(item[0].casefold() in _LEADS for item in items)
    for item in items:
        found.append(_mention(item, plural and not persons, found[-1] if found else None))
    if not found:
        raise _Unread("a name is missing")
    return found


def _verbs(tokens: Sequence[str]) -> list[int]:
    return [i for i, token in enumerate(tokens) if token.casefold() in ("is", "are")]


def _objects(tokens: Sequence[str], plural: bool, by: Iterable[str] = ("and",)) -> list[_Mention]:
    """What something is said to be: an article, or a plural, is needed before a name counts as a kind."""
    while tokens and tokens[0].casefold() in _SAID:
        tokens = tokens[1:]
    found = _mentions(_items(tokens, by), plural)
    for mention in found:
        if not mention.every:
            raise _Unread(f'"a" or "an" is missing before "{mention.words}"')
    return found


def _facts(tokens: list[str]) -> Iterator[tuple[_Mention, _Mention]]:
    """Every arrow of a statement: one clause a verb; between two verbs lie the objects of one and the subjects of the next."""
    verbs = _verbs(tokens)
    if not verbs:
        bad = next((t for t in tokens if t.casefold() in _WHY or t.casefold().endswith("n't")), None)
        why = _WHY.get(bad.casefold(), '"{}" denies, and an arrow cannot').format(bad) if bad else ""
        raise _Unread(why or 'it has no "is" or "are"; only what something is makes an arrow')
    subject, start = tokens[: verbs[0]], verbs[0] + 1
    objects: list[_Mention] = []
    for n, verb in enumerate(verbs):
        plural = tokens[verb].casefold() == "are"
        end = verbs[n + 1] if n + 1 < len(verbs) else len(tokens)
        between = tokens[start:end]
        following: list[str] = []
        if n + 1 < len(verbs):
            cut = _cut(between)
            between, following, start = between[:cut], between[cut:], end + 1
        if [t.casefold() for t in subject if t != ","] in (["which"], ["who"], ["that"]) and objects:
            subjects = objects
        else:
            subjects = _mentions(_items(subject, ("and", *_STRONG)), plural)
        while between and (between[-1] == "," or between[-1].casefold() in {"and", *_STRONG}):
            between = between[:-1]
        objects = _objects(between, plural)
        yield from ((s, o) for s in subjects for o in objects)
        subject = following


def _cut(between: list[str]) -> int:
    """Where the next clause begins: at the last ", and" or "but", or else at the last comma, "and" or "which"."""
    low = [token.casefold() for token in between]
    strong = [i for i, t in enumerate(low) if t in _STRONG or (t == "," and low[i + 1 : i + 2] == ["and"])]
    weak = [i for i, t in enumerate(low) if t in (",", "and", "which", "who", "that")]
    if low and low[-1] in ("which", "who", "that"):
        return len(low) - 1
    if not strong and not weak:
        raise _Unread('two times "is" or "are" without a comma or "and" between them')
    return max(strong or weak)


def _statement(tokens: list[str]) -> _Question:
    """The question in "Tom is a pet or a wolf"."""
    verbs = _verbs(tokens)
    if len(verbs) != 1:
        raise _Unread('a question has one "is" or "are" about one thing')
    plural = tokens[verbs[0]].casefold() == "are"
    root, rest = tokens[: verbs[0]], tokens[verbs[0] + 1 :]
    return _offer([(root, rest)], plural)


def _inverted(tokens: list[str], plural: bool) -> _Question:
    """The question in "[is] Tom a pet or a wolf": the first article after a name parts the two, else every place may."""
    tokens = tokens[:-1] if tokens and tokens[-1] == "," else tokens
    first = next((i for i, t in enumerate(tokens) if t.casefold() == "or" or t == ","), len(tokens))
    start = 0
    while (
        start < first
        and tokens[start].casefold() in _LEADS | {"of"}
        and not (start and tokens[start - 1].casefold() in ONE)
    ):
        start += 1
    start += 1  # past the first word of the name
    if first < len(tokens) and tokens[first] in ",:" and "or" in (t.casefold() for t in tokens[first:]):
        later = tokens[first + 1 :]
        if later and later[0].casefold() in _LEADS and not _has_article(tokens[start:first]):
            return _offer([(tokens[:first], later)], plural)  # "what is Tom, a pet or a wolf"
    for i in range(start, first):
        if tokens[i].casefold() in ARTICLES | {"the", "either", "both"} or tokens[i] == ":":
            return _offer([(tokens[:i], tokens[i + (tokens[i] == ":") :])], plural)
    if "and" in (t.casefold() for t in tokens[:first]):
        raise _Unread("it must ask about one thing")
    if start >= first:
        raise _Unread("it asks about one thing and must offer two candidates")
    return _offer([(tokens[:i], tokens[i:]) for i in range(start, first)], plural, bare=True)


def _has_article(tokens: Sequence[str]) -> bool:
    return any(t.casefold() in ARTICLES | {"the"} for t in tokens)


def _offer(splits: Sequence[tuple[list[str], list[str]]], plural: bool, bare: bool = False) -> _Question:
    """One question from the possible (asked, candidates): the candidates stand between "or"s."""
    found: list[tuple[_Mention, _Mention]] = []
    other = None
    for root, rest in splits:
        subjects = _items(root, ("and",))
        if len(subjects) != 1:
            raise _Unread("it must ask about one thing")
        items = _items(rest, ("or",))
        if len(items) > 2:
            raise _Unread(f"it offers {len(items)} candidates, and two are wanted")
        offers = _mentions(items, plural) if plural or bare else _objects(rest, plural, ("or",))
        # "Are Tom a pet"? The asked one is plural only where nothing shows one
        found.append((_mention(subjects[0], plural), offers[0]))
        other = offers[1] if len(offers) == 2 else None
    return _Question(tuple(found), other)


# --- the text --------------------------------------------------------------------------------------------------------

_PLAIN = str.maketrans(
    dict.fromkeys('"“”„«»()[]*\x00\xa0\u2009', " ")
    | dict.fromkeys("‘’ʼ", "'")
    | dict.fromkeys("\r\v\f\x85\u2028\u2029", "\n")
)
_MARKS = re.compile(
    r"(?m)^[ \t]*(?:(?:[-*+•·‣▪◦–—>#]+|\(?\d{1,3}[.):]|\(?[a-zA-Z]\))[ \t]+)?"
    r"(?:(?:facts?|rules?|premises?|context|given|problem|text|statements?|questions?|query|q)[ \t]*:)?",
    re.IGNORECASE,
)
_JOINED = 12  # lines that are at most tried as one sentence: the generators' longest, a word a line
_MOST_TOKENS = 300  # words and commas of one sentence


def _split(text: str) -> Iterator[_Part]:
    """The sentences with their places. A list mark or label always ends one, a line break only where nothing else makes
    sense: the longest run of lines that can be read is one sentence."""
    # marks are blanked and keep their length, so that places stay those of the text; \0 ends a sentence
    marked = _MARKS.sub(lambda m: m[0] if m[0].isspace() or not m[0] else "\0" * len(m[0]), text.replace("\0", " "))
    for chunk in re.finditer(r"[^.?!;\0]+([.?!;]*)", marked.translate(_PLAIN | {0: "\0"})):
        lines = [
            (m.start() + chunk.start(), m[0])
            for m in re.finditer(r"[^\n]*\S[^\n]*", chunk[0][: chunk.end() - chunk.start()])
        ]
        lines = [(at, line) for at, line in lines if re.search(r"[^\s.?!;]", line)]
        i = 0
        while i < len(lines):
            part = None
            for j in range(min(i + _JOINED, len(lines)), i, -1):
                part = _part(lines[i:j], "?" in chunk[1] and j == len(lines))
                if not part.why or j == i + 1:
                    i = j
                    break
            if part is not None:
                yield part


def _part(lines: Sequence[tuple[int, str]], mark: bool) -> _Part:
    whole = " ".join(" ".join(line for _, line in lines).rstrip(" .?!;").split())
    start = lines[0][0] + len(lines[0][1]) - len(lines[0][1].lstrip())
    end = lines[-1][0] + len(lines[-1][1].rstrip())
    try:
        facts, question = _sentence(whole, mark)
    except _Unread as error:
        return _Part(whole, start, end, why=str(error))
    return _Part(whole, start, end, facts, question)


def _questions(parts: Sequence[_Part]) -> tuple[str, ...]:
    """The different questions, in the order of the text."""
    return tuple({p.text.casefold(): p.text + "?" for p in parts if p.question}.values())


@dataclass
class _Names:
    """The nodes so far: id by folded name, and how the names are spelled that grammar shows to be singular."""

    ones: dict[str, str]
    ids: dict[str, int] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)

    def name(self, mention: _Mention) -> str:
        """The name in the singular; a plural is lower case, since a capital only tells that its sentence begins."""
        words = mention.words
        if not mention.plural:
            first, *rest = words.split()
            plain = (
                not mention.every and rest and not rest[0][:1].isupper() and "'" not in first
            )  # "Grey wolf is ...": a kind, not a person
            return " ".join([first.lower(), *rest]) if plain else words
        if words.casefold() in self.ones:
            return self.ones[words.casefold()]
        return singular(words.lower())

    def add(self, mention: _Mention) -> int:
        name = self.name(mention)
        if self.ids.setdefault(name.casefold(), len(self.names)) == len(self.names):
            self.names.append(name)
        return self.ids[name.casefold()]

    def find(self, mention: _Mention) -> int | None:
        return self.ids.get(self.name(mention).casefold(), self.ids.get(mention.words.casefold()))

    def missing(self, mention: _Mention) -> str:
        """What to say of a name that no sentence has: the nearest one, or all of them."""
        near = get_close_matches(mention.words.casefold(), list(self.ids), 1, NEAR)
        names = ", ".join(self.names[:12]) + (", ..." if len(self.names) > 12 else "")
        told = f"the names are {names}" if names else "no sentence was understood"
        return f'did you mean "{self.names[self.ids[near[0]]]}"?' if near else told + "."


def _understood(parts: list[_Part], ask: int | None) -> Reading:
    """The graph of the sentences; _Fault where they give none."""
    if not parts:
        raise _Fault(f"The text is empty; {EXAMPLE}")
    if unread := {i: p.why for i, p in enumerate(parts) if p.why}:
        raise _Fault(_not_understood(parts, unread), unread)
    questions = _questions(parts)
    if not questions:
        raise _Fault(f'The text must end with its question, but it ends with "{_cut_off(parts[-1].text)}."; {EXAMPLE}')
    if ask is not None and not 1 <= ask <= len(questions):
        raise _Fault(f"The text has {len(questions)} questions; choose one from 1 to {len(questions)}, not {ask}.")
    if len(questions) > 1 and ask is None:
        listed = " ".join(f"({n}) {_cut_off(q)}" for n, q in enumerate(questions[:9], 1))
        raise _Fault(f"One question is expected, but the text has {len(questions)}: {listed} Keep the one you mean.")
    wanted = questions[(ask or 1) - 1]
    asked, question = next((i, p.question) for i, p in enumerate(parts) if p.question and p.text + "?" == wanted)
    every = [m for p in parts for fact in p.facts for m in fact]
    every += [
        m for p in parts if p.question for m in (*(m for s in p.question.splits[:1] for m in s), p.question.other) if m
    ]
    nodes = _Names({m.words.casefold(): m.words for m in reversed(every) if not m.plural})
    edges: dict[tuple[int, int], None] = {}
    persons, kinds, whys = set(), set(), {}
    for i, part in enumerate(parts):
        before = len(edges)
        for subject, target in part.facts:
            s, t = nodes.add(subject), nodes.add(target)
            edges[s, t] = None
            kinds |= {s, t} if subject.every else {t}
            if subject.person:
                persons.add(s)
        if part.facts and len(edges) == before:
            whys[i] = "it was said before"
        elif part.question and i != asked:
            whys[i] = (
                "it was asked before"
                if part.text.casefold() == parts[asked].text.casefold()
                else "another question was chosen"
            )
    if both := sorted(persons & kinds):
        name = nodes.names[both[0]]
        at = {
            i: f'"{name}" is a person and a kind'
            for i, p in enumerate(parts)
            for f in p.facts
            if name in (f[0].words, f[1].words)
        }
        raise _Fault(
            f'"{name}" is used both as a person ("{name} is a ...") and as a kind ("... is a {name}"); '
            f'write "Every {name.lower()} is a ..." for a kind, or give the person another name.',
            at,
        )
    try:
        graph, chosen = _asked(question, nodes, tuple(edges))
    except (ProblemError, _Fault) as error:
        raise _Fault(str(error), {asked: str(error)} | whys) from error
    sentences = tuple(p.sentence(whys.get(i, "")) for i, p in enumerate(parts))
    return Reading(sentences, graph, "", chosen, questions)


def _asked(question: _Question, nodes: _Names, edges: tuple[tuple[int, int], ...]) -> tuple[GraphQuestion, str]:
    """(the problem, the candidate that the reader chose or "")."""
    root, first = next(
        (s for s in question.splits if None not in (nodes.find(s[0]), nodes.find(s[1]))), question.splits[0]
    )
    mentions = [("asks about", root), ("offers", first), *([("offers", question.other)] if question.other else [])]
    found: list[int] = []
    for what, mention in mentions:
        node = nodes.find(mention)
        if node is None:
            raise _Fault(f'The question {what} "{mention.words}", but no sentence names it; {nodes.missing(mention)}')
        found.append(node)
    names = tuple(nodes.names)
    if len(found) == 3:
        return answered(names, edges, found[0], (found[1], found[2])), ""
    other = opponent(names, edges, found[0], found[1])
    return answered(names, edges, found[0], (found[1], other)), names[other]


def opponent(names: tuple[str, ...], edges: tuple[tuple[int, int], ...], root: int, candidate: int) -> int:
    """The other candidate of a question of yes or no: a kind that `root` reaches if it does not reach `candidate`, and the
    other way round, and among these the one nearest in depth (each from its own roots), the first named on a tie.
    ProblemError where there is none, saying what is missing."""
    q = GraphQuestion(names, edges, root, (candidate, candidate), candidate)
    children, own, targets = q.children(), q.depths(), {t for _, t in edges}
    if root == candidate:
        raise ProblemError(f'"{names[root]}" is asked about and is a candidate, too; offer another candidate.')
    elsewhere = [i for i in range(len(names)) if own[i] < 0 and i not in targets]
    far = breadth_first(children, *elsewhere)
    if own[candidate] > 0:
        want, depth = own[candidate], {i: far[i] for i in targets if own[i] < 0}
        missing = f'add something that {names[root]} is not, such as "Every lempus is a scrompus."'
    else:
        want, depth = far[candidate], {i: own[i] for i in targets if own[i] > 0}
        missing = f"add what {names[root]} is"
    if not depth:
        raise ProblemError(
            f'"Is {names[root]} a {names[candidate]}" needs a second candidate, and the text has none: {missing}, or offer two '
            'candidates with "or".'
        )
    return min(sorted(depth), key=lambda i: abs(depth[i] - want))


def _cut_off(text: str) -> str:
    """A sentence as a message can hold it."""
    return text if len(text) <= 200 else text[:200] + " ..."


def _not_understood(parts: Sequence[_Part], unread: dict[int, str]) -> str:
    """The first sentence that was not understood, why, the nearest reading, and how many more there are."""
    at, why = next(iter(unread.items()))
    text = _cut_off(parts[at].text)
    nearest = _nearest(parts[at].text)
    fix = 'Write "Every shumpus is a rempus." or "Tom is a terpus."'
    if nearest:
        fix = f'Did you mean "{nearest}"?'
    elif _ASKED.match(parts[at].text) or _WHETHER.match(parts[at].text):
        fix = 'Ask "Is Tom a lempus or scrompus?"'
    more = f" ({len(unread) - 1} more sentences were not understood.)" if len(unread) > 1 else ""
    return f'This sentence was not understood: "{text}": {why}. {fix}{more}'


def _nearest(text: str) -> str:
    """The nearest sentence that can be read: one word changed into one of the grammar's, or one article put in; "" for none."""
    words = text.split()
    if len(words) > 20:
        return ""
    tried: list[tuple[float, str]] = []
    for i, word in enumerate(words):
        for ours in ("is", "are", "every", "each", "all", "a", "an", "or", "and"):
            like = SequenceMatcher(None, word.casefold(), ours).ratio()
            # "iz" shares one letter of two with "is"; longer words must be nearer, or "have" would be "are"
            if i and word[:1].isupper():
                continue  # "Ann" is no "an"
            if word.casefold() not in _RESERVED and like >= (0.5 if len(word) == 2 == len(ours) else 0.6):
                tried.append((like, " ".join([*words[:i], ours.capitalize() if i == 0 else ours, *words[i + 1 :]])))
        if word.casefold() in ("is", "or"):
            article = "an" if words[i + 1 : i + 2] and words[i + 1][0].lower() in "aeiou" else "a"
            tried.append((0.6, " ".join([*words[: i + 1], article, *words[i + 1 :]])))
    for _, sentence in sorted(tried, key=lambda pair: -pair[0]):
        try:
            facts, question = _sentence(sentence, False)
        except _Unread:
            continue
        if facts or question:
            return sentence + ("?" if question else ".")
    return ""


__all__ = ["Reading", "Sentence", "opponent", "parse_text", "read", "singular"]
