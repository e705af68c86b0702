"""The pretext tasks by the names that recipes call them."""

from collections.abc import Mapping

from quickstudy.core.types import MASKED, WRITTEN
from quickstudy.pretext.cluster import Cluster
from quickstudy.pretext.contrast import Contrast
from quickstudy.pretext.denoising import Denoising
from quickstudy.pretext.discourse_marker import DiscourseMarker
from quickstudy.pretext.language_model import LanguageModel
from quickstudy.pretext.masked_lm import MaskedLm
from quickstudy.pretext.next_sentence import NextSentence
from quickstudy.pretext.same_document import SameDocument
from quickstudy.pretext.sentence_order import SentenceOrder
from quickstudy.pretext.span_to_entity import SpanToEntity
from quickstudy.pretext.subset_masking import SubsetMasking
from quickstudy.pretext.synopsis import Synopsis
from quickstudy.pretext.title_of_section import TitleOfSection
from quickstudy.pretext.translation import Translation

PRETEXTS: Mapping[str, type] = {
    "subset_masking": SubsetMasking,
    "masked_lm": MaskedLm,
    "language_model": LanguageModel,
    "next_sentence": NextSentence,
    "sentence_order": SentenceOrder,
    "same_document": SameDocument,
    "discourse_marker": DiscourseMarker,
    "cluster": Cluster,
    "contrast": Contrast,
    "span_to_entity": SpanToEntity,
    "title_of_section": TitleOfSection,
    "synopsis": Synopsis,
    "translation": Translation,
    "denoising": Denoising,
}
"""tasks out of raw text"""
SAID: Mapping[type, int] = {MaskedLm: MASKED, LanguageModel: WRITTEN, Translation: WRITTEN, Denoising: WRITTEN}
"""those whose classes are the vocabulary -> the role of the tokens that a model must be able to say"""
