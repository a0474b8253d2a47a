"""Verdicts and problems of a list in the words of one language, as its result file holds them."""

from api.pages.catalogue import Language, catalogue
from api.pages.fields import paper_of, validity_of
from api.pages.verdict import short_sentence
from registry.enrolment import RowProblem
from registry.verification.asked_list import AskedRow
from registry.verification.list_result import Stated
from registry.verification.model import NoticeKind, Outcome, Report
from registry.workflows.verification.verify_many import Wording


def wording_in(language: str) -> Wording:
    """Give the words of `zh` or `en`; of anything else, Chinese."""
    known: Language = "en" if language == "en" else "zh"
    words = catalogue(known)
    between = " " if known == "en" else ""

    def verdict(report: Report, row: AskedRow) -> str:
        by_key = row.key is not None and report.outcome is Outcome.NOT_FOUND
        said = [words.text("outcomes.not-found.sentence_key") if by_key else short_sentence(report, words)]
        if report.findings and any(one.kind is NoticeKind.TEST_CHAIN for one in report.notices):
            said.insert(0, words.text("notices.test-chain"))
        return between.join(said)

    def problem(one: RowProblem) -> str:
        reason, remedy = (one.reason.en, one.remedy.en) if known == "en" else (one.reason.zh, one.remedy.zh)
        return words.text(
            "bulk.problem_column" if one.column else "bulk.problem", column=one.column, reason=reason, remedy=remedy
        )

    def stated(report: Report) -> Stated:
        if report.content is None:
            return Stated()
        paper, validity = paper_of(report.content, words, replaced=False), validity_of(report.content, {})
        begin, for_life = validity.begin or "", words.text("fields.for_life")
        return Stated(
            programme=paper.achievement,
            level=paper.level,
            valid_from=begin,
            valid_until=validity.until or (for_life if begin else ""),
        )

    return Wording(verdict=verdict, problem=problem, stated=stated)
