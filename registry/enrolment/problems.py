"""What can be wrong in a table that people hand in, each with a stable code, a reason and a remedy in two languages.

A text never repeats what the cell holds: lists of problems are mailed, logged and printed. Only whole numbers (a line,
a count, a limit) are put into the texts, so that no value can slip in.
"""

from dataclasses import dataclass

from registry.programme import Bilingual


@dataclass(frozen=True, slots=True, kw_only=True)
class RowProblem:
    """One thing wrong, and where."""

    line: int
    """Line of the file from 1 (the header's); 0 = the whole file."""
    column: str
    """The column's heading; empty where no single column is meant."""
    position: int
    """The column from 1; 0 where no single column is meant."""
    code: str
    """Stable slug, such as `enrol/identity-check`."""
    reason: Bilingual
    remedy: Bilingual


@dataclass(frozen=True, slots=True, kw_only=True)
class FileProblem:
    """One thing wrong with one file of several."""

    file: str
    """Its name, fit to be shown; it may be an identity number, so it goes to whoever handed it in and nowhere else."""
    code: str
    reason: Bilingual
    remedy: Bilingual


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemKind:
    """A code with its texts; `{name}` in a text stands for a whole number."""

    code: str
    reason: Bilingual
    remedy: Bilingual

    def filled(self, **numbers: int) -> "ProblemKind":
        """Give the kind with its numbers in its texts."""
        return ProblemKind(code=self.code, reason=_filled(self.reason, numbers), remedy=_filled(self.remedy, numbers))

    def of_file(self, name: str) -> FileProblem:
        """Report this kind of one file."""
        return FileProblem(file=name, code=self.code, reason=self.reason, remedy=self.remedy)

    def at(self, line: int = 0, column: str = "", position: int = 0, **numbers: int) -> RowProblem:
        """Report this kind at one place."""
        return RowProblem(
            line=line,
            column=column,
            position=position,
            code=self.code,
            reason=_filled(self.reason, numbers),
            remedy=_filled(self.remedy, numbers),
        )


def _filled(text: Bilingual, numbers: dict[str, int]) -> Bilingual:
    if not numbers:
        return text
    return Bilingual(zh=text.zh.format(**numbers), en=text.en.format(**numbers))


def kinds(stage: str, *texts: tuple[str, str, str, str, str]) -> dict[str, ProblemKind]:
    """Make kinds of `stage` from rows (slug, reason zh, reason en, remedy zh, remedy en), keyed by slug."""
    return {
        slug: ProblemKind(
            code=f"{stage}/{slug}",
            reason=Bilingual(zh=reason_zh, en=reason_en),
            remedy=Bilingual(zh=remedy_zh, en=remedy_en),
        )
        for slug, reason_zh, reason_en, remedy_zh, remedy_en in texts
    }


_SAVE_AS_ZH = "在电子表格软件中另存为“CSV UTF-8”，再提交"
_SAVE_AS_EN = "save it from the spreadsheet as “CSV UTF-8” and hand it in again"
_RETYPE_ZH = "把这一格重新录入"
_RETYPE_EN = "type the cell again"

_TABLE_TEXTS = (
    ("empty-file", "文件是空的", "the file is empty", "导出表格后重新提交", "export the table and hand it in again"),
    (
        "file-too-large",
        "文件超过{limit}MB",
        "the file is larger than {limit} MB",
        "分成几份提交",
        "hand it in in several parts",
    ),
    (
        "too-many-rows",
        "超过{limit}行",
        "more than {limit} rows",
        "分成几份提交",
        "hand it in in several parts",
    ),
    (
        "workbook",
        "这是工作簿或压缩文件，不是CSV文件",
        "this is a workbook or a ZIP archive, not a CSV file",
        _SAVE_AS_ZH,
        _SAVE_AS_EN,
    ),
    (
        "not-text",
        "这是图片、PDF或别的文件，不是文本",
        "this is a picture, a PDF or another file, not text",
        _SAVE_AS_ZH,
        _SAVE_AS_EN,
    ),
    (
        "encoding",
        "文字编码既不是UTF-8，也不是GB18030",
        "the text is neither UTF-8 nor GB18030",
        _SAVE_AS_ZH,
        _SAVE_AS_EN,
    ),
    (
        "encoding-ambiguous",
        "文字编码可以按两种方式读，读出的字不同",
        "the text can be read in two encodings, with different characters",
        _SAVE_AS_ZH,
        _SAVE_AS_EN,
    ),
    (
        "encoding-mixed",
        "这一行的文字编码与文件开头不同",
        "this line is in another encoding than the beginning of the file",
        "只用一个来源导出整份表格，或另存为“CSV UTF-8”",
        "export the whole table from one place, or save it as “CSV UTF-8”",
    ),
    ("no-rows", "只有表头，没有数据行", "there is a heading and no row", "补上数据行", "add the rows"),
    (
        "too-many-columns",
        "超过{limit}列",
        "more than {limit} columns",
        "只保留需要的列",
        "keep only the columns that are asked for",
    ),
    (
        "missing-column",
        "缺少这一列",
        "this column is missing",
        "第一行写列名，补上这一列",
        "write the headings in the first line and add this column",
    ),
    (
        "duplicate-column",
        "与第{other}列是同一列",
        "the same as column {other}",
        "只保留其中一列",
        "keep one of them",
    ),
    (
        "unknown-column",
        "第{place}列不是所需的列，不读取，也不保存",
        "column {place} is not asked for: it is neither read nor stored",
        "如果是写错的列名，改正后重新提交",
        "if it is a misspelt heading, correct it and hand the file in again",
    ),
    (
        "ragged-row",
        "这一行有{found}格，表头有{expected}列",
        "this row has {found} cells, the heading has {expected} columns",
        "补齐或删去多余的分隔符；格内有分隔符的，用英文双引号括起来",
        "add or remove separators; put a cell that holds a separator in double quotes",
    ),
    (
        "quote",
        "英文双引号没有成对，或格内有换行",
        "a double quote is not closed, or a cell holds a line break",
        "补上双引号，去掉格内换行",
        "close the quote, remove the line break",
    ),
    (
        "cell-too-long",
        "这一格超过{limit}个字符",
        "this cell has more than {limit} characters",
        "缩短这一格",
        "shorten the cell",
    ),
    (
        "control-character",
        "含有看不见的控制字符（第{place}个字符）",
        "holds an invisible control character (character {place})",
        f"{_RETYPE_ZH}，不要粘贴",
        f"{_RETYPE_EN} instead of pasting it",
    ),
    (
        "private-use",
        "第{place}个字符是自造字，别的机器上显示不出来",
        "character {place} is a private-use character that other machines cannot show",
        "改用标准字，可在公安身份系统或字库中查到",
        "use the character's standard code point",
    ),
    (
        "formula-cell",
        "以= + - @开头，会被电子表格当作公式",
        "begins with = + - @, which a spreadsheet takes for a formula",
        "去掉开头的符号，按文本保存",
        "remove the sign and store the cell as text",
    ),
    ("field-required", "必填项没有填", "nothing is filled in, and it is required", "补填", "fill it in"),
)


def table_kinds(stage: str) -> dict[str, ProblemKind]:
    """Give the kinds that every table can have, under the codes of `stage`."""
    return kinds(stage, *_TABLE_TEXTS)
