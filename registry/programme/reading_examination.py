"""Reading the examination: papers, marking, grades, weights by function, retake, sessions, staff, venues."""

from registry.programme.examination import (
    Book,
    Delivery,
    Function,
    GradeBand,
    Marking,
    Paper,
    QuestionType,
    Retake,
    RetakeFee,
    Rounding,
    RoundingMode,
    SessionRules,
    Staffing,
    StaffRole,
    Venue,
    VenueUse,
    WeightColumn,
)
from registry.programme.keys import SLUG, Table
from registry.programme.terms import Bilingual, DirectionCode, FunctionCode, LevelCode, PaperKey, StatedBy

_NO_MARKING = Marking(full_hundredths=0, pass_hundredths=0, stated_by=StatedBy.SOURCE, source=Bilingual(zh="", en=""))


def read_levels(table: Table, every_level: tuple[LevelCode, ...]) -> tuple[LevelCode, ...]:
    """Read the levels that something is for; left out is every level."""
    if not table.has("levels"):
        return every_level
    levels = tuple(LevelCode(code) for code in table.texts("levels"))
    if not levels or not set(levels) <= set(every_level) or len(set(levels)) != len(levels):
        table.fault("levels", "expected levels of this file, each once")
    return levels


def read_paper(table: Table, every_level: tuple[LevelCode, ...], marking: Marking | None) -> Paper:
    """Read one paper; `marking` is that of the whole file."""
    own = table.optional_table("marking", read_marking) or marking
    if own is None:
        table.fault("marking", "missing: expected a table here or for the whole file")
    return Paper(
        key=PaperKey(table.text("key", SLUG)),
        name=table.bilingual("name"),
        levels=read_levels(table, every_level),
        minutes=table.optional_integer("minutes", 1, 600),
        minutes_least=table.flag("minutes_least"),
        book=table.choice("book", Book) if table.has("book") else None,
        delivery=table.choices("delivery", Delivery),
        question_types=table.choices("question_types", QuestionType),
        marking=own or _NO_MARKING,
        source=table.bilingual("source"),
        stated_by=table.optional_choice("stated_by", StatedBy, StatedBy.SOURCE),
    )


def read_marking(table: Table) -> Marking:
    """Read a scale with its pass mark."""
    return Marking(
        full_hundredths=table.score("full"),
        pass_hundredths=table.score("pass"),
        stated_by=table.choice("stated_by", StatedBy),
        source=table.bilingual("source"),
    )


def read_grade(table: Table) -> GradeBand:
    """Read one grade."""
    return GradeBand(code=table.text("code", SLUG), name=table.bilingual("name"), from_hundredths=table.score("from"))


def read_function(table: Table) -> Function:
    """Read one function of the occupation."""
    return Function(
        code=FunctionCode(table.text("code", SLUG)), name=table.bilingual("name"), also=table.bilinguals("also")
    )


def read_weights(table: Table) -> tuple[WeightColumn, ...]:
    """Read the weight table of one paper: a list of columns, and for each function its percent in every column.

    0 stands where a function is not part of a column.
    """
    paper = PaperKey(table.text("paper", SLUG))
    columns = table.each("columns", _column, at_least=1)
    percents = table.required_table("percent", lambda rows: _percents(rows, len(columns)))
    return tuple(
        WeightColumn(
            paper=paper,
            level=level,
            direction=direction,
            percent=tuple((code, row[at]) for code, row in percents if row[at]),
        )
        for at, (level, direction) in enumerate(columns)
    )


def _column(table: Table) -> tuple[LevelCode, DirectionCode | None]:
    direction = table.text("direction", SLUG) if table.has("direction") else None
    return LevelCode(table.text("level")), None if direction is None else DirectionCode(direction)


def _percents(rows: Table, columns: int) -> list[tuple[FunctionCode, tuple[int, ...]]]:
    percents = []
    for code in rows.names():
        row = rows.integers(code, 0, 100)
        if len(row) != columns:
            rows.fault(code, f"expected a number for each of the {columns} columns")
            row = (0,) * columns
        percents.append((FunctionCode(code), row))
    return percents


def read_rounding(table: Table) -> Rounding:
    """Read how computed scores are rounded."""
    return Rounding(
        mode=table.choice("mode", RoundingMode),
        decimals=table.integer("decimals", 0, 2),
        stated_by=table.choice("stated_by", StatedBy),
    )


def read_retake(table: Table) -> Retake:
    """Read how failed papers are sat again."""
    return Retake(
        attempts=table.integer("attempts", 1, 9),
        papers_at_most=table.integer("papers_at_most", 1, 9),
        next_session_only=table.flag("next_session_only"),
        keeps_passed=table.flag("keeps_passed"),
        fee=table.choice("fee", RetakeFee),
        stated_by=table.choice("stated_by", StatedBy),
        source=table.bilingual("source"),
    )


def read_session(table: Table) -> SessionRules:
    """Read what is said about sessions."""
    late_minutes = table.optional_integer("late_minutes", 1, 240)
    if (late_minutes is not None) != table.has("late_admits_limit"):
        table.fault("late_admits_limit", "expected with late_minutes and only there")
    return SessionRules(
        registration_closes_days=table.optional_integer("registration_closes_days", 1, 365),
        late_minutes=late_minutes,
        late_admits_limit=table.flag("late_admits_limit"),
        publication_working_days=table.optional_integer("publication_working_days", 1, 365),
        absent_pays_again=table.flag("absent_pays_again"),
        identity_check=table.optional_bilingual("identity_check"),
        frequency=table.optional_bilingual("frequency"),
        places=table.optional_bilingual("places"),
        source=table.bilingual("source"),
    )


def read_staffing(table: Table) -> Staffing:
    """Read how many people some papers need."""
    return Staffing(
        role=table.choice("role", StaffRole),
        papers=tuple(PaperKey(key) for key in table.texts("papers")),
        candidates_each=table.integer("candidates_each", 1, 1000),
        exactly=table.flag("exactly"),
        least=table.integer("least", 1, 100),
        odd=table.flag("odd"),
        each_room=table.flag("each_room"),
        source=table.bilingual("source"),
    )


def read_venue(table: Table) -> Venue:
    """Read what kind of place is needed."""
    return Venue(use=table.choice("use", VenueUse), text=table.bilingual("text"), source=table.bilingual("source"))
