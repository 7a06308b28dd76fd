"""Everyday nouns for problems in plain English, "Every cup is a lamp.": each is one token of a pretrained vocabulary.

With a space before it every one of them is a single token for SmolLM2's tokenizer (tested where that is at hand), so that a
thought decodes into a word. All begin with a consonant, because a sentence says "a".
"""

from __future__ import annotations

NOUNS = tuple(
    (
        "cup lamp stone table book door window garden river mountain forest house car boat ship train plane horse dog cat bird "
        "fish lion tiger bear wolf rabbit mouse cow pig sheep goat duck chicken snake frog spider bee flower tree leaf root "
        "seed fruit banana lemon peach cherry grape potato tomato carrot bean cake cookie pie sandwich pizza spoon fork knife "
        "plate bowl bottle glass jar box bag basket bucket barrel chair bed desk shelf cabinet drawer mirror clock watch ring "
        "necklace shirt dress coat hat shoe boot sock glove belt button pocket needle brick wall floor roof room hall tower "
        "bridge road street path tunnel station market shop store school church temple castle palace museum library theater "
        "hospital bank hotel farm barn field valley hill cave beach lake sea wave cloud storm sun moon star planet king queen "
        "prince princess soldier doctor nurse teacher student lawyer judge farmer sailor pilot driver baker painter singer "
        "dancer writer poet hero giant ghost monster dragon robot machine wheel gear motor battery cable wire switch lever pump "
        "pipe hammer nail screw saw drill rope chain lock key bell drum guitar piano violin flute trumpet ball bat toy doll "
        "puzzle card coin stamp letter pen pencil brush canvas camera phone radio television computer keyboard screen printer "
        "tablet ladder gate fence pond tent map flag sword shield bow helmet crown candle torch lantern pillow blanket curtain "
        "carpet towel sponge comb razor tooth bone heart brain hand foot knee nose mouth finger"
    ).split()
)
